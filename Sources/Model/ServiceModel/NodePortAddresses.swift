package import Addressing

/// The addresses of this node that accept NodePort connections: the union of the entries.
///
/// A family without an entry accepts them on every address. The keywords apply to both families.
package struct NodePortAddresses: Sendable, Hashable {
    /// Every local address.
    package var includesAll: Bool
    /// The node's addresses in its Node object (`NodeIdentity.addresses`).
    package var includesPrimary: Bool
    /// The loopback addresses.
    package var includesLocalhost: Bool
    /// Local addresses in these ranges.
    package var ranges: [IPPrefix]

    package init(
        all: Bool = false,
        primary: Bool = false,
        localhost: Bool = false,
        ranges: [IPPrefix] = []
    ) {
        includesAll = all
        includesPrimary = primary
        includesLocalhost = localhost
        self.ranges = ranges
    }

    package static let all = NodePortAddresses(all: true)
    package static let primary = NodePortAddresses(primary: true)
    package static let localhost = NodePortAddresses(localhost: true)

    package static func ranges(_ ranges: [IPPrefix]) -> NodePortAddresses {
        NodePortAddresses(ranges: ranges)
    }

    /// Whether every local address of the family accepts them.
    package func acceptsAll(_ family: IPFamily) -> Bool {
        let own = ranges.filter { $0.family == family }
        return includesAll || own.contains { $0.length == 0 }
            || own.isEmpty && !includesPrimary && !includesLocalhost
    }

    /// Whether an address lies in one of the ranges.
    package func rangesContain(_ address: IPAddress) -> Bool {
        ranges.contains { $0.family == address.family && $0.contains(address) }
    }

    /// Whether loopback addresses of the family are listed explicitly, by keyword or range, and not
    /// only included in all addresses.
    package func namesLoopback(_ family: IPFamily) -> Bool {
        if includesLocalhost { return true }
        let first = IPAddress(family: family, bits: family == .ipv4 ? 127 << 24 : 1)
        return ranges.contains {
            $0.family == family && $0.length > 0 && ($0.address.isLoopback || $0.contains(first))
        }
    }
}
