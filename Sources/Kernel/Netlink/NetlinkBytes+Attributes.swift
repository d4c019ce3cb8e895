extension NetlinkBytes {
    /// The value of one of nf_tables' attributes.
    package func attribute<Attribute: RawRepresentable<UInt32>>(_ type: Attribute) -> NetlinkBytes?
    {
        attribute(type.rawValue)
    }

    /// A number in network order; nil unless the attribute is there.
    package func number<Attribute: RawRepresentable<UInt32>>(_ type: Attribute) -> UInt32? {
        attribute(type).map { UInt32($0.network(4)) }
    }

    package func long<Attribute: RawRepresentable<UInt32>>(_ type: Attribute) -> UInt64? {
        attribute(type).map { UInt64($0.network(8)) }
    }

    package func text<Attribute: RawRepresentable<UInt32>>(_ type: Attribute) -> String? {
        attribute(type)?.text
    }

    package var array: [UInt8] { Array(storage[range]) }
}
