import Addressing
import DataplaneModel
import ServiceModel

/// Chains that pick one endpoint for a new connection: the client's last one if it has affinity,
/// or else each with the same chance.
struct BalancingChains {
    /// Above this many endpoints the choice has two levels, so that a packet tests about twice the
    /// square root of their number instead of half of it (measured, see docs/iptables-layout.md).
    static let singleLevelLimit = 32

    let port: ServicePortName
    let role: NameScheme.ChainRole
    let affinityTimeoutSeconds: UInt32?

    /// The chain of the Service port, which begins with `head`, and the groups it chooses from.
    func chains(over endpoints: [SocketAddress], head: [Rule]) -> [Chain] {
        var rules = head
        rules.reserveCapacity(head.count + endpoints.count)
        if let seconds = affinityTimeoutSeconds {
            rules += endpoints.map { returningClient($0, seconds: seconds) }
        }
        var groups: [Chain] = []
        if endpoints.count <= Self.singleLevelLimit {
            appendChoice(among: endpoints, to: &rules)
        } else {
            var rest = endpoints[...]
            let size = Self.groupSize(endpoints.count)
            while !rest.isEmpty {
                let members = rest.prefix(size)
                let group = group(groups.count, members, of: endpoints.count)
                rules.append(
                    Rule(
                        matches: Self.chance(members.count, outOf: rest.count),
                        target: .goto(group.name)
                    )
                )
                groups.append(group)
                rest = rest.dropFirst(size)
            }
        }
        let main = Chain(
            NameScheme.chain(role, of: port),
            rules: rules,
            title:
                "\(port): \(endpoints.count) endpoint\(endpoints.count == 1 ? "" : "s")\(role == .local ? " on this node" : "")"
        )
        return [main] + groups
    }

    private func group(_ index: Int, _ members: ArraySlice<SocketAddress>, of total: Int) -> Chain {
        var rules: [Rule] = []
        rules.reserveCapacity(members.count)
        appendChoice(among: Array(members), to: &rules)
        return Chain(
            NameScheme.chain(role, of: port, group: index),
            rules: rules,
            title: "\(port): group \(index + 1), \(members.count) of \(total) endpoints"
        )
    }

    /// Rule i of n is tried with chance 1/(n - i), so each endpoint gets 1/n.
    private func appendChoice(among endpoints: [SocketAddress], to rules: inout [Rule]) {
        for (index, endpoint) in endpoints.enumerated() {
            var matches = Self.chance(1, outOf: endpoints.count - index)
            if affinityTimeoutSeconds != nil {
                // Behind the chance, so that only the chosen endpoint remembers the client.
                matches.append(.recent(RecentMatch(.set, list: list(of: endpoint))))
            }
            rules.append(translation(to: endpoint, matches))
        }
    }

    private func returningClient(_ endpoint: SocketAddress, seconds: UInt32) -> Rule {
        translation(
            to: endpoint,
            [.recent(RecentMatch(.update(seconds: seconds), list: list(of: endpoint)))]
        )
    }

    private func translation(to endpoint: SocketAddress, _ matches: [Match]) -> Rule {
        // The kernel wants a protocol in a rule that changes ports.
        Rule(transport: port.transport, matches: matches, target: .destinationNAT(endpoint))
    }

    private func list(of endpoint: SocketAddress) -> String {
        NameScheme.affinityList(of: port, endpoint: endpoint)
    }

    private static func chance(_ part: Int, outOf whole: Int) -> [Match] {
        part == whole ? [] : [.random(Probability(part, outOf: whole))]
    }

    /// The smallest size whose square reaches `count`.
    private static func groupSize(_ count: Int) -> Int {
        var size = 1
        while size * size < count { size += 1 }
        return size
    }
}
