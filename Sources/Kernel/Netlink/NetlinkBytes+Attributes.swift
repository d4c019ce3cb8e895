extension NetlinkBytes {
    /// The value of an attribute that the headers define in an enumeration.
    package func attribute(_ type: some RawRepresentable<UInt32>) -> NetlinkBytes? {
        attribute(type.rawValue)
    }

    /// A number in network order; nil unless the attribute is there.
    package func number(_ type: some RawRepresentable<UInt32>) -> UInt32? {
        attribute(type).map { UInt32($0.network(4)) }
    }

    package func long(_ type: some RawRepresentable<UInt32>) -> UInt64? {
        attribute(type).map { UInt64($0.network(8)) }
    }

    package func text(_ type: some RawRepresentable<UInt32>) -> String? {
        attribute(type)?.text
    }

    package var array: [UInt8] { Array(storage[range]) }
}
