import Addressing
import DataplaneModel
import ServiceModel

/// Chains that pick one endpoint for a new connection: the client's last one if it has affinity,
/// or else each with a chance in proportion to its weight.
struct BalancingChains {
    /// Above this many endpoints the choice has two levels, so that a packet tests about twice the
    /// square root of their number instead of half of it (measured, see docs/iptables-layout.md).
    static let singleLevelLimit = 32

    let port: ServicePortName
    let role: NameScheme.ChainRole
    let affinityTimeoutSeconds: UInt32?
    /// The share of an endpoint relative to the others', at least 1.
    let weight: (SocketAddress) -> UInt32

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
            var restWeight = weight(of: rest)
            let size = Self.groupSize(endpoints.count)
            while !rest.isEmpty {
                let members = rest.prefix(size)
                let group = group(groups.count, members, of: endpoints.count)
                let groupWeight = weight(of: members)
                rules.append(
                    Rule(
                        matches: Self.chance(groupWeight, outOf: restWeight),
                        target: .goto(group.name)
                    )
                )
                groups.append(group)
                rest = rest.dropFirst(size)
                restWeight -= groupWeight
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

    private func weight(of endpoints: ArraySlice<SocketAddress>) -> Int {
        endpoints.reduce(0) { $0 + Int(weight($1)) }
    }

    /// A rule is tried with its weight's chance among those that are left, so that each endpoint
    /// gets its share of all: with n equal ones, rule i has chance 1/(n - i).
    private func appendChoice(among endpoints: [SocketAddress], to rules: inout [Rule]) {
        var rest = weight(of: endpoints[...])
        for endpoint in endpoints {
            let own = Int(weight(endpoint))
            var matches = Self.chance(own, outOf: rest)
            rest -= own
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
        if part == whole { return [] }
        // The rules of all Services share these, which would take 80 bytes in each.
        if part == 1, whole < even.count { return even[whole] }
        return [.random(Probability(part, outOf: whole))]
    }

    /// The chance of one among as many as the index.
    private static let even: [[Match]] = (0...64).map {
        $0 < 2 ? [] : [.random(Probability(1, outOf: $0))]
    }

    /// The smallest size whose square reaches `count`.
    private static func groupSize(_ count: Int) -> Int {
        var size = 1
        while size * size < count { size += 1 }
        return size
    }
}
