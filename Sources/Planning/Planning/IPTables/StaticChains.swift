import Addressing
import DataplaneModel
import ServiceModel

/// The chains and jumps that are there whatever Services exist.
struct StaticChains {
    static let services = name("SERVICES")
    static let nodePorts = name("NODEPORTS")
    static let healthChecks = name("HEALTHCHECKS")
    static let clusterMasquerade = name("CLUSTER-MASQ")
    static let postrouting = name("POSTROUTING")
    static let forward = name("FORWARD")
    static let localhostGuard = name("LOCALHOST")

    let family: IPFamily
    let settings: PlannerSettings

    /// 127.0.0.0/8 or ::1/128.
    static func loopback(_ family: IPFamily) -> IPPrefix {
        switch family {
        case .ipv4: IPPrefix(IPAddress(ipv4: 127 << 24), length: 8)
        case .ipv6: IPPrefix(IPAddress(family: .ipv6, bits: 1))
        }
    }

    private static func name(_ text: String) -> ChainName {
        ChainName(NameScheme.chainPrefix + text)
    }

    // MARK: - Dispatch

    /// The trees by destination.
    enum Tree: CaseIterable {
        case nat
        case natNodePorts
        case filter
        case filterNodePorts
        case healthChecks

        var table: TableName {
            switch self {
            case .nat, .natNodePorts: .nat
            case .filter, .filterNodePorts, .healthChecks: .filter
            }
        }
    }

    /// Without Services.
    func tree(_ kind: Tree) -> DispatchTree {
        func tree(_ label: String?, _ name: ChainName, _ title: String, _ last: [Rule] = [])
            -> DispatchTree
        {
            DispatchTree(
                family: family,
                hasAddresses: label == nil,
                label: label ?? "",
                root: .init(name: name, title: title, epilogue: last)
            )
        }
        return switch kind {
        case .nat: tree(nil, Self.services, "every Service address, then node ports", nodePortRules)
        case .natNodePorts: tree("NP", Self.nodePorts, "node ports")
        case .filter:
            tree(
                nil,
                Self.services,
                "what no endpoint took: refuse or drop",
                unallocated + nodePortRules
            )
        case .filterNodePorts: tree("NP", Self.nodePorts, "node ports without endpoints")
        case .healthChecks: tree("HC", Self.healthChecks, "health check node ports")
        }
    }

    private var nodePortRules: [Rule] {
        settings.nodePortRules(family).map {
            var rule = $0
            rule.target = .jump(Self.nodePorts)
            return rule
        }
    }

    /// Drops what goes to ClusterIPs that no Service has.
    var unallocated: [Rule] {
        settings.serviceCIDRs(family).map {
            Rule(
                destination: PrefixMatch($0),
                matches: [.destinationIsLocal(inverted: true)],
                target: .drop
            )
        }
    }

    // MARK: - nat

    var natChains: [Chain] {
        var chains = [postroutingChain]
        if settings.masqueradesClusterIPs(family) { chains.append(clusterMasqueradeChain) }
        return chains
    }

    var natJumps: [Jump] {
        [
            Jump(from: .prerouting, rule: Rule(target: .jump(Self.services))),
            Jump(from: .output, rule: Rule(target: .jump(Self.services))),
            Jump(from: .postrouting, rule: Rule(target: .jump(Self.postrouting))),
        ]
    }

    private var masqueradeMark: PacketMark { PacketMark(bit: settings.masqueradeBit) }

    var clusterMasqueradeChain: Chain {
        let exempt =
            settings.masqueradeAll
            ? [] : settings.localPodRules(family, target: .returnToCaller)
        return Chain(
            Self.clusterMasquerade,
            rules: exempt + [Rule(target: .mark(masqueradeMark))],
            title: "ClusterIP traffic that gets the node's address as its source"
        )
    }

    private var postroutingChain: Chain {
        Chain(
            Self.postrouting,
            rules: [
                Rule(
                    matches: [
                        .connectionState(.dnat), .bpf(Hairpin.sourceIsDestination(family)),
                    ],
                    target: .masquerade
                )
            ] + markedMasqueradeRules,
            title: "an endpoint that reaches itself, then marked traffic: masquerade"
        )
    }

    /// The end of a chain in POSTROUTING.
    var markedMasqueradeRules: [Rule] {
        let mark = masqueradeMark
        let clear = PacketMark(value: mark.value, mask: 0)
        return [
            Rule(matches: [.mark(mark, inverted: true)], target: .returnToCaller),
            // Cleared, so that a packet that comes by again is not masqueraded twice.
            Rule(target: .mark(clear)),
            Rule(target: .masquerade),
        ]
    }

    // MARK: - filter

    /// `guardsLocalhost`: some NodePort is served on 127.0.0.1.
    func filterChains(guardsLocalhost: Bool) -> [Chain] {
        [forwardChain] + localhostChains(guardsLocalhost)
    }

    func localhostChains(_ guardsLocalhost: Bool) -> [Chain] {
        guardsLocalhost ? [localhostGuardChain] : []
    }

    /// In the order of each built-in chain.
    func filterJumps(guardsLocalhost: Bool) -> [Jump] {
        let new: [Match] = [.connectionState(.new)]
        var jumps: [Jump] = []
        if guardsLocalhost {
            jumps += [BuiltinChain.input, .output].map {
                Jump(from: $0, rule: Rule(target: .jump(Self.localhostGuard)))
            }
        }
        jumps.append(Jump(from: .input, rule: Rule(target: .jump(Self.healthChecks))))
        jumps += [BuiltinChain.input, .forward, .output].map {
            Jump(from: $0, rule: Rule(matches: new, target: .jump(Self.services)))
        }
        jumps.append(Jump(from: .forward, rule: Rule(target: .jump(Self.forward))))
        return jumps
    }

    private var forwardChain: Chain {
        var rules: [Rule] = []
        if settings.dropInvalid {
            rules.append(Rule(matches: [.connectionState(.invalid)], target: .drop))
        }
        rules.append(Rule(matches: [.mark(masqueradeMark)], target: .accept))
        rules.append(
            Rule(matches: [.connectionState([.related, .established])], target: .accept)
        )
        return Chain(Self.forward, rules: rules, title: "Service traffic may pass this node")
    }

    /// With `route_localnet` on, a neighbour could reach what listens on 127.0.0.1 only.
    private var localhostGuardChain: Chain {
        let loopback = Self.loopback(family)
        return Chain(
            Self.localhostGuard,
            rules: [
                Rule(
                    source: PrefixMatch(loopback, inverted: true),
                    destination: PrefixMatch(loopback),
                    matches: [
                        .connectionState([.related, .established, .dnat], inverted: true)
                    ],
                    target: .drop
                )
            ],
            title: "127.0.0.0/8 is for this node alone"
        )
    }
}
