/// The two address families. Each is planned and programmed separately.
package enum IPFamily: String, Sendable, Hashable, CaseIterable, Comparable {
    case ipv4 = "IPv4"
    case ipv6 = "IPv6"

    /// Number of bits in an address: 32 or 128.
    package var bitWidth: Int { self == .ipv4 ? 32 : 128 }

    package static func < (left: IPFamily, right: IPFamily) -> Bool {
        left == .ipv4 && right == .ipv6
    }
}
