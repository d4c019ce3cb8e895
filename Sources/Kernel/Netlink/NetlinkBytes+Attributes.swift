extension NetlinkBytes {
    /// The value of an attribute that the headers define in an enumeration.
    @inlinable
    public func attribute(_ type: some RawRepresentable<UInt32>) -> NetlinkBytes? {
        attribute(type.rawValue)
    }

    /// A number in network order; nil unless the attribute is there.
    @inlinable
    public func number(_ type: some RawRepresentable<UInt32>) -> UInt32? {
        attribute(type).map { UInt32($0.network(4)) }
    }

    /// A number of eight bytes in network order; nil unless the attribute is there.
    @inlinable
    public func long(_ type: some RawRepresentable<UInt32>) -> UInt64? {
        attribute(type).map { UInt64($0.network(8)) }
    }

    /// Up to the first zero byte; nil unless the attribute is there.
    @inlinable
    public func text(_ type: some RawRepresentable<UInt32>) -> String? {
        attribute(type)?.text
    }

    /// A copy of the bytes.
    @inlinable
    public var array: [UInt8] { Array(storage[range]) }
}
