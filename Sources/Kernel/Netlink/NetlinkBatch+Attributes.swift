// Attributes by the names that the kernel's headers give them.
extension NetlinkBatch {
    package mutating func number(
        _ attribute: some RawRepresentable<UInt32>,
        _ value: UInt32
    ) {
        self.attribute(attribute.rawValue, bigEndian: value)
    }

    package mutating func number(
        _ attribute: some RawRepresentable<UInt32>,
        long value: UInt64
    ) {
        self.attribute(attribute.rawValue, bigEndian: value)
    }

    package mutating func text(
        _ attribute: some RawRepresentable<UInt32>,
        _ text: String
    ) {
        self.attribute(attribute.rawValue, text)
    }

    package mutating func nested(
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
