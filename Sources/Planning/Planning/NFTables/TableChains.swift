import Addressing
import DataplaneModel
import ServiceModel

/// The chains of the table that are the same however many Services there are.
struct TableChains {
    static let balance = NFTChainName("balance")
    static let toNumber = NFTChainName("to-number")

    static let localhost = NFTChainName("localhost")

    let family: IPFamily
    let settings: PlannerSettings
    /// Neighbours are kept out of 127.0.0.0/8.
    let guardsLocalhost: Bool

    init(family: IPFamily, settings: PlannerSettings, keepsLocalhostGuard: Bool = false) {
        self.family = family
        self.settings = settings
        guardsLocalhost = keepsLocalhostGuard || settings.servesLocalhost(family, .nftables)
    }

    var chains: [NFTChain] {
        baseChains + guardChains + serviceChains + nodePortChains + refusals
            + (settings.countsTraffic ? countingChains : [])
    }

    // MARK: - Parts of rules

    static let addressKey: [NFTExpression] = [
        .address(.destination), .transport, .port(.destination),
    ]
    private static let portKey: [NFTExpression] = [.transport, .port(.destination)]

    private func name(_ text: String) -> NFTChainName { NFTChainName(text) }

    private func goto(_ chain: String) -> NFTStatement { .verdict(.goto(name(chain))) }

    private func jump(_ chain: String) -> NFTStatement { .verdict(.jump(name(chain))) }

    /// Looks for where a frontend leads, and goes on there.
    private func dispatch(
        _ key: [NFTExpression],
        _ map: TableSet,
        to chain: String
    ) -> NFTRule {
        NFTRule(.setPriorityFromMap(key, map.name), goto(chain))
    }

    private func rules(forLocalPods statements: NFTStatement...) -> [NFTRule] {
        settings.localPodSources(family).map { source in
            switch source {
            case .range(let range): NFTRule([.address(.source, range)] + statements)
            case .interface(let match): NFTRule([.inInterface(match)] + statements)
            }
        }
    }

    /// Conditions for destinations that accept node ports, each a rule of its own.
    private var nodePortDestinations: [[NFTStatement]] {
        settings.nodePortDestinations(family, .nftables).compactMap { destination in
            switch destination {
            case .anyLocal(includesLoopback: true): [.isLocal(.destination)]
            case .anyLocal(includesLoopback: false):
                [
                    .isLocal(.destination),
                    .address(.destination, StaticChains.loopback(family), inverted: true),
                ]
            case .address(let address) where address.isLinkLocal: nil
            case .address(let address): [.address(.destination, IPPrefix(address))]
            }
        }
    }

    // MARK: - Chains

    /// Those that depend on whether 127.0.0.0/8 is guarded; the last is there only if it is.
    var localhostChains: [NFTChain] { [arrival] + localhostGuard }

    /// Before translation, which is at -100.
    private var arrival: NFTChain {
        NFTChain(
            name("guard-prerouting"),
            hook: NFTHook(.filter, .prerouting, priority: -110),
            rules: localhostRules + [NFTRule(.connectionState(.new), jump("guard"))]
        )
    }

    private var baseChains: [NFTChain] {
        func base(
            _ text: String,
            _ kind: NFTHook.Kind,
            _ place: NFTHook.Place,
            _ priority: Int32,
            _ rules: NFTRule...
        ) -> NFTChain {
            NFTChain(name(text), hook: NFTHook(kind, place, priority: priority), rules: rules)
        }
        let new = NFTStatement.connectionState(.new)
        let refuse = NFTRule(new, jump("refuse"))
        var forward = base("filter-forward", .filter, .forward, 0, refuse)
        if settings.dropInvalid {
            forward.rules.insert(
                NFTRule(.connectionState(.invalid), .verdict(.drop)),
                at: 0
            )
        }
        return [
            arrival,
            base("guard-output", .filter, .output, -110, NFTRule(new, jump("guard"))),
            base("nat-prerouting", .nat, .prerouting, -100, NFTRule(jump("services"))),
            base("nat-output", .nat, .output, -100, NFTRule(jump("services"))),
            postrouting,
            base("filter-input", .filter, .input, 0, refuse),
            forward,
            base("filter-output", .filter, .output, 0, refuse),
        ]
    }

    private var postrouting: NFTChain {
        NFTChain(
            name("nat-postrouting"),
            hook: NFTHook(.nat, .postrouting, priority: 100),
            rules: [
                NFTRule(.translated, .setPriority(0), title: "the scratch value has done its work"),
                NFTRule(
                    .translated,
                    .contained(
                        [.address(.source), .address(.destination)],
                        in: TableSet.hairpin.name
                    ),
                    .masquerade,
                    title: "an endpoint that reaches itself"
                ),
                NFTRule(
                    .mark(PacketMark(bit: settings.masqueradeBit)),
                    .clearMarkBits(settings.masqueradeBit),
                    .masquerade
                ),
            ],
            title: "whose source becomes the node's address"
        )
    }

    /// Packets with loopback addresses, where node ports answer on 127.0.0.1.
    private var localhostRules: [NFTRule] {
        guard guardsLocalhost else { return [] }
        return [NFTSide.destination, .source].map {
            NFTRule(.address($0, StaticChains.loopback(family)), jump("localhost"))
        }
    }

    /// With `route_localnet` on, a neighbour could reach what listens on 127.0.0.1 only, or give
    /// itself such an address (CVE-2020-8558). Replies to the node's own connections still have its
    /// real address here.
    private var localhostGuard: [NFTChain] {
        guard guardsLocalhost else { return [] }
        return [
            NFTChain(
                Self.localhost,
                rules: [
                    NFTRule(.inInterface(InterfaceMatch("lo")), .verdict(.returnToCaller)),
                    NFTRule(.verdict(.drop)),
                ],
                title: "127.0.0.0/8 is for this node alone"
            )
        ]
    }

    private var guardChains: [NFTChain] {
        localhostGuard + [
            NFTChain(
                name("guard"),
                rules: [
                    NFTRule(
                        .contained(Self.addressKey, in: TableSet.sourceRestricted.name),
                        goto("guarded")
                    )
                ],
                title: "load-balancer source ranges"
            ),
            NFTChain(
                name("guarded"),
                rules: [
                    NFTRule(
                        .contained(
                            Self.addressKey + [.address(.source)],
                            in: TableSet.allowed.name
                        ),
                        .verdict(.returnToCaller)
                    )
                ] + (settings.countsTraffic ? [countNotAllowed] : []) + [
                    NFTRule(.verdict(.drop))
                ],
                title: "only from the source ranges"
            ),
        ]
    }

    private var serviceChains: [NFTChain] {
        let mark = NFTStatement.setMarkBits(settings.masqueradeBit)
        var clusterIP: [NFTRule] = []
        if settings.masqueradesClusterIPs(family) {
            if !settings.masqueradeAll { clusterIP += rules(forLocalPods: goto("balance")) }
            clusterIP.append(NFTRule(mark))
        }
        clusterIP.append(NFTRule(goto("balance")))
        return [
            NFTChain(
                name("services"),
                rules: [
                    dispatch(Self.addressKey, .clusterIPs, to: "cluster-ip"),
                    dispatch(Self.addressKey, .externalIPs, to: "external"),
                    NFTRule(
                        .contained(Self.addressKey, in: TableSet.localIPs.name),
                        goto("local")
                    ),
                ] + nodePortDestinations.map { NFTRule($0 + [jump("node-ports")]) },
                title: "every Service address, then node ports"
            ),
            NFTChain(
                name("cluster-ip"),
                rules: clusterIP,
                title: "ClusterIP traffic: local pods keep their source"
            ),
            NFTChain(
                name("external"),
                rules: [NFTRule(mark), NFTRule(goto("balance"))],
                title: "from outside, policy Cluster"
            ),
            local(
                "local",
                Self.addressKey,
                externalClients: .externalClientIPs,
                internalClients: "inside"
            ),
            NFTChain(
                name("inside"),
                rules: [dispatch(Self.addressKey, .internalClientIPs, to: "balance")],
                title: "policy Local: pods and the node itself may use every endpoint"
            ),
            NFTChain(
                Self.balance,
                rules: [
                    NFTRule(
                        .verdictMap(
                            [.maskedPriority(GroupValue.balancerMask)],
                            TableSet.balancers.name
                        )
                    ),
                    NFTRule(.verdictMap([.priority], TableSet.affinity.name)),
                ],
                title: "by kind and number of slots, or by session affinity"
            ),
            NFTChain(
                Self.toNumber,
                rules: [
                    NFTRule(
                        .transports(TransportProtocol.allCases),
                        .destinationNAT([.priority], TableSet.numbers.name)
                    )
                ],
                title: "session affinity: to the endpoint of a number, if it is there"
            ),
        ]
    }

    private func local(
        _ text: String,
        _ key: [NFTExpression],
        externalClients: TableSet,
        internalClients: String
    ) -> NFTChain {
        NFTChain(
            name(text),
            rules: rules(forLocalPods: goto(internalClients)) + [
                NFTRule(
                    .isLocal(.source),
                    .setMarkBits(settings.masqueradeBit),
                    goto(internalClients)
                ),
                dispatch(key, externalClients, to: "balance"),
            ],
            title: "from outside, policy Local"
        )
    }

    private var nodePortChains: [NFTChain] {
        [
            NFTChain(
                name("node-ports"),
                rules: [
                    dispatch(Self.portKey, .externalPorts, to: "external"),
                    NFTRule(
                        .contained(Self.portKey, in: TableSet.localPorts.name),
                        goto("local-port")
                    ),
                ],
                title: "node ports"
            ),
            local(
                "local-port",
                Self.portKey,
                externalClients: .externalClientPorts,
                internalClients: "inside-port"
            ),
            NFTChain(
                name("inside-port"),
                rules: [dispatch(Self.portKey, .internalClientPorts, to: "balance")],
                title: "policy Local: pods and the node itself may use every endpoint"
            ),
        ]
    }

    private var refusals: [NFTChain] {
        [
            NFTChain(
                name("refuse"),
                rules: [
                    NFTRule(.contained(Self.addressKey, in: TableSet.rejected.name), .reject),
                    NFTRule(
                        .contained(Self.addressKey, in: TableSet.dropped.name),
                        .verdict(.drop)
                    ),
                    // Translation did not get it, in the middle of a change: the client tries again.
                    NFTRule(
                        .setPriorityFromMap(Self.addressKey, TableSet.clusterIPs.name),
                        .verdict(.drop)
                    ),
                    NFTRule(
                        .setPriorityFromMap(Self.addressKey, TableSet.externalIPs.name),
                        .verdict(.drop)
                    ),
                    // Never on an address of the node itself, where its sshd listens.
                    NFTRule(
                        .contained([.address(.destination)], in: TableSet.clusterAddresses.name),
                        .isLocal(.destination, inverted: true),
                        .reject
                    ),
                ]
                    + settings.serviceCIDRs(family).map {
                        NFTRule(
                            .address(.destination, $0),
                            .isLocal(.destination, inverted: true),
                            .verdict(.drop)
                        )
                    }
                    + nodePortDestinations.map { NFTRule($0 + [jump("refuse-ports")]) },
                title: "what no endpoint took: refuse or drop"
            ),
            NFTChain(
                name("refuse-ports"),
                rules: [
                    NFTRule(.contained(Self.portKey, in: TableSet.rejectedPorts.name), .reject),
                    NFTRule(
                        .contained(Self.portKey, in: TableSet.droppedPorts.name),
                        .verdict(.drop)
                    ),
                ],
                title: "node ports that no endpoint took"
            ),
        ]
    }
}
