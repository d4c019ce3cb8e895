import Addressing
import DataplaneModel
import ServiceModel

/// The rules of ipvs mode: the same ones however many Services there are. They look up sets.
struct IPVSRules {
    static let policy = chain("POLICY")
    static let ranges = chain("RANGES")
    static let internalClients = chain("INSIDE")
    static let internalMark = chain("INSIDE-MARK")
    static let unmark = chain("UNMARK")

    let family: IPFamily
    let settings: PlannerSettings
    /// The bits that marks of clients inside have.
    let internalField: UInt32
    /// With the rules that keep neighbours out of 127.0.0.0/8, which this mode itself does not need.
    var guardsLocalhost = false

    private var statics: StaticChains { StaticChains(family: family, settings: settings) }

    private static func chain(_ text: String) -> ChainName {
        ChainName(NameScheme.chainPrefix + text)
    }

    var state: IPTablesState {
        IPTablesState(
            filter: table(
                filterChains + statics.localhostChains(guardsLocalhost),
                statics.filterJumps(guardsLocalhost: guardsLocalhost)
            ),
            mangle: table(mangleChains, mangleJumps),
            nat: table(natChains, statics.natJumps)
        )
    }

    private func table(_ chains: [Chain], _ jumps: [Jump]) -> OwnedTable {
        OwnedTable(
            chains: Dictionary(uniqueKeysWithValues: chains.map { ($0.name, $0) }),
            jumps: jumps
        )
    }

    // MARK: - Sets

    private func set(_ role: NameScheme.SetRole) -> IPSetName { NameScheme.set(role, family) }

    /// The packet's destination address, protocol and port.
    private func frontend(_ role: NameScheme.SetRole) -> Match {
        .set(set(role), [.destination, .destination])
    }

    // MARK: - mangle

    private var mangleJumps: [Jump] {
        let policy = Rule(matches: [.connectionState(.new)], target: .jump(Self.policy))
        return [
            Jump(from: .prerouting, rule: policy),
            // A tunnel's packet has the mark of the packet inside (skb_scrub_packet() of the kernel
            // leaves it within a namespace). IPVS would send it to that mark's endpoint, which is
            // through the tunnel again, in an endless loop.
            Jump(
                from: .output,
                rule: Rule(
                    matches: [.mark(notInside, inverted: true), .ipvs(inverted: true)],
                    target: .jump(Self.unmark)
                )
            ),
            Jump(from: .output, rule: policy),
        ]
    }

    private var notInside: PacketMark { PacketMark(value: 0, mask: internalField) }

    /// Here and not in `filter`, since for a client on the node IPVS is asked before `filter` is.
    private var mangleChains: [Chain] {
        [
            Chain(
                Self.policy,
                rules: [
                    Rule(matches: [frontend(.sourceRestricted)], target: .jump(Self.ranges)),
                    Rule(
                        matches: [frontend(.internalClients)],
                        target: .goto(Self.internalClients)
                    ),
                    Rule(matches: [frontend(.dropped)], target: .drop),
                ],
                title: "who may connect, and to which endpoints"
            ),
            Chain(
                Self.ranges,
                rules: [
                    Rule(
                        matches: [.set(set(.allowed), [.destination, .destination, .source])],
                        target: .returnToCaller
                    ),
                    Rule(target: .drop),
                ],
                title: "load-balancer source ranges"
            ),
            Chain(
                Self.internalClients,
                rules: settings.localPodRules(family, target: .goto(Self.internalMark)) + [
                    Rule(matches: [.sourceIsLocal()], target: .goto(Self.internalMark)),
                    Rule(matches: [frontend(.dropped)], target: .drop),
                ],
                title: "policy Local: pods and the node itself may use every endpoint"
            ),
            Chain(
                Self.internalMark,
                rules: [
                    Rule(target: .markFromSet(set(.internalClients), [.destination, .destination]))
                ],
                title: "to the virtual server for clients inside"
            ),
            Chain(
                Self.unmark,
                rules: [Rule(target: .mark(notInside))],
                title: "a packet around one that IPVS has sent: it is for nobody inside"
            ),
        ]
    }

    // MARK: - nat

    private var natChains: [Chain] {
        let mark = PacketMark(bit: settings.masqueradeBit)
        var rules = [Rule(matches: [frontend(.masqueraded)], target: .mark(mark))]
        var chains: [Chain] = []
        if settings.masqueradesClusterIPs(family), !settings.masqueradeAll {
            rules.append(
                Rule(
                    matches: [frontend(.clusterIPs)],
                    target: .jump(StaticChains.clusterMasquerade)
                )
            )
            chains.append(statics.clusterMasqueradeChain)
        }
        chains.append(
            Chain(
                StaticChains.services,
                rules: rules,
                title: "whose source becomes the node's address"
            )
        )
        return chains + [postroutingChain]
    }

    private var postroutingChain: Chain {
        let balanced = Match.ipvs()
        return Chain(
            StaticChains.postrouting,
            rules: [
                Rule(
                    matches: [balanced, .bpf(Hairpin.sourceIsDestination(family))],
                    target: .masquerade
                ),
                // The kernel gives a connection of the node itself to a local address that very
                // address as its source.
                Rule(
                    matches: [balanced, .set(set(.addresses), [.source])],
                    target: .masquerade
                ),
                Rule(
                    matches: [
                        balanced, .mark(notInside, inverted: true), .sourceIsLocal(),
                    ],
                    target: .masquerade
                ),
            ] + statics.markedMasqueradeRules,
            title:
                "an endpoint that reaches itself, the node to its Services, then marked traffic: masquerade"
        )
    }

    // MARK: - filter

    private var filterChains: [Chain] {
        [
            Chain(
                StaticChains.healthChecks,
                rules: [
                    Rule(
                        transport: .tcp,
                        matches: [.set(set(.healthChecks), [.destination])],
                        target: .accept
                    )
                ],
                title: "health check node ports"
            ),
            Chain(
                StaticChains.services,
                rules: [Rule(matches: [frontend(.services)], target: .returnToCaller)]
                    + refusals + unallocated,
                title: "ports of Service addresses that no Service has, and addresses nobody has"
            ),
            Chain(
                StaticChains.forward,
                rules: [
                    Rule(
                        matches: [.connectionState([.related, .established])],
                        target: .accept
                    )
                ],
                title: "Service traffic may pass this node"
            ),
        ]
    }

    /// The addresses are this node's own by their binding, so without these rules its own servers
    /// would answer there. A ping is answered, and does no harm.
    private var refusals: [Rule] {
        TransportProtocol.allCases.map {
            Rule(
                transport: $0,
                matches: [.set(set(.addresses), [.destination])],
                target: .reject
            )
        }
    }

    private var unallocated: [Rule] {
        guard settings.bindsServiceRanges else { return statics.unallocated }
        let ranges = settings.serviceCIDRs(family)
        // All of a bound range is local, so the node's own addresses have to be named.
        let own = Set(settings.localAddresses).filter { address in
            ranges.contains { $0.contains(address) }
        }
        return own.sorted().map { Rule(destination: PrefixMatch($0), target: .returnToCaller) }
            + ranges.map { Rule(destination: PrefixMatch($0), target: .drop) }
    }
}
