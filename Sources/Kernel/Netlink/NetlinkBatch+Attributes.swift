// Attributes by the names that the kernel's headers give them.
extension NetlinkBatch {
    package mutating func number<Attribute: RawRepresentable<UInt32>>(
        _ attribute: Attribute,
        _ value: UInt32
    ) {
        self.attribute(attribute.rawValue, bigEndian: value)
    }

    package mutating func number<Attribute: RawRepresentable<UInt32>>(
        _ attribute: Attribute,
        long value: UInt64
    ) {
        self.attribute(attribute.rawValue, bigEndian: value)
    }

    package mutating func text<Attribute: RawRepresentable<UInt32>>(
        _ attribute: Attribute,
        _ text: String
    ) {
        self.attribute(attribute.rawValue, text)
    }

    package mutating func nested<Attribute: RawRepresentable<UInt32>>(
        _ attribute: Attribute,
        _ body: (inout NetlinkBatch) -> Void
    ) {
        nested(attribute.rawValue, body)
    }
}

extension UInt32 {
    /// As the hosts that we run on keep it: least significant byte first.
    package var hostBytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) } }
}
