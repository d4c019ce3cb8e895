// Attributes by the names that the kernel's headers give them.
extension NetlinkBatch {
    /// A number of four bytes in network order.
    @inlinable
    public mutating func number(
        _ attribute: some RawRepresentable<UInt32>,
        _ value: UInt32
    ) {
        self.attribute(attribute.rawValue, bigEndian: value)
    }

    /// A number of eight bytes in network order.
    @inlinable
    public mutating func number(
        _ attribute: some RawRepresentable<UInt32>,
        long value: UInt64
    ) {
        self.attribute(attribute.rawValue, bigEndian: value)
    }

    /// With a terminating zero.
    @inlinable
    public mutating func text(
        _ attribute: some RawRepresentable<UInt32>,
        _ text: String
    ) {
        self.attribute(attribute.rawValue, text)
    }

    /// An attribute that holds what `body` appends.
    @inlinable
    public mutating func nested(
        _ attribute: some RawRepresentable<UInt32>,
        _ body: (inout NetlinkBatch) -> Void
    ) {
        nested(attribute.rawValue, body)
    }
}

extension UInt32 {
    /// In host order: least significant byte first on all supported hosts.
    package var hostBytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) } }
}
