/// An IPv4 or IPv6 address as a number; orders IPv4 before IPv6, then by value.
package struct IPAddress: Sendable, Hashable, Comparable {
    /// The address as a number in host order; an IPv4 address uses the low 32 bits.
    package let bits: UInt128
    package let family: IPFamily

    /// `bits` beyond the family's width are dropped.
    package init(family: IPFamily, bits: UInt128) {
        self.family = family
        self.bits = family == .ipv4 ? bits & 0xffff_ffff : bits
    }

    /// An IPv4 address from its four bytes as one number, most significant first.
    package init(ipv4 value: UInt32) {
        family = .ipv4
        bits = UInt128(value)
    }

    /// The address in network order: 4 or 16 bytes.
    package var bytes: [UInt8] {
        stride(from: family.bitWidth - 8, through: 0, by: -8).map {
            UInt8(truncatingIfNeeded: bits >> UInt128($0))
        }
    }

    /// 127.0.0.1 or ::1.
    package static func localhost(_ family: IPFamily) -> IPAddress {
        IPAddress(family: family, bits: family == .ipv4 ? 127 << 24 | 1 : 1)
    }

    /// 127.0.0.0/8 or ::1.
    package var isLoopback: Bool {
        family == .ipv4 ? bits >> 24 == 127 : bits == 1
    }

    /// 169.254.0.0/16 or fe80::/10 (RFC 3927, RFC 4291).
    package var isLinkLocal: Bool {
        family == .ipv4 ? bits >> 16 == 0xa9fe : bits >> 118 == 0x3fa
    }

    /// 224.0.0.0/24 or ff02::/16 (RFC 5771, RFC 4291).
    package var isLinkLocalMulticast: Bool {
        family == .ipv4 ? bits >> 8 == 0xe00000 : bits >> 112 == 0xff02
    }

    /// 224.0.0.0/4, with the broadcast address 255.255.255.255 behind it, or ff00::/8.
    package var isMulticast: Bool {
        family == .ipv4 ? bits >> 28 == 0xe || bits == 0xffff_ffff : bits >> 120 == 0xff
    }

    /// 0.0.0.0 or ::.
    package var isUnspecified: Bool { bits == 0 }

    package static func < (left: IPAddress, right: IPAddress) -> Bool {
        left.family == right.family ? left.bits < right.bits : left.family < right.family
    }
}
