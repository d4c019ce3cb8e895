import Addressing
import DataplaneModel
import ServiceModel

/// What one Service contributes to the plan: chains of its own, and claims on frontends.
struct ServiceFragment {
    var natChains: [PortChain] = []
    var filterChains: [PortChain] = []
    var claims: [FrontendClaim] = []
}

/// A chain and the Service port that it is for.
struct PortChain {
    var port: ServicePortName
    var chain: Chain
}

/// Builds the fragment of one Service in the lean layout: a chain per Service port whose rules
/// translate directly.
struct ServiceChains {
    let family: IPFamily
    let settings: PlannerSettings
    let service: ServiceState
    private(set) var fragment = ServiceFragment()

    init(_ service: ServiceState, family: IPFamily, settings: PlannerSettings) {
        self.family = family
        self.settings = settings
        self.service = service
        for port in service.ports { build(port) }
        buildRemainder()
        buildHealthCheck()
    }

    private mutating func build(_ port: ServicePortState) {
        let cluster = port.endpoints.cluster
        let local = port.endpoints.local
        let needsCluster = !port.internalPolicyIsLocal || port.isExternallyAccessible
        let clusterChain = needsCluster ? addBalancing(.cluster, of: port, over: cluster) : nil
        let localChain = addBalancing(.local, of: port, over: local)
        buildClusterIP(port, port.internalPolicyIsLocal ? localChain : clusterChain)
        guard port.isExternallyAccessible else { return }
        if port.endpoints.hasAny { addExternalChain(port) }
        buildExternalFrontends(port)
    }

    // MARK: - Frontends

    /// `chain` spreads over the port's internal endpoints; nil if there are none.
    private mutating func buildClusterIP(_ port: ServicePortState, _ chain: ChainName?) {
        guard let address = port.clusterIP else { return }
        let target = chain.map { Target.goto($0) }
        claim(
            address,
            port,
            rank: .clusterIP,
            nat: target,
            filter: target != nil ? nil : port.endpoints.hasAny ? .drop : .reject
        )
    }

    private mutating func buildExternalFrontends(_ port: ServicePortState) {
        let external = NameScheme.chain(.external, of: port.name)
        let nat: Target? = port.endpoints.hasAny ? .goto(external) : nil
        let filter: Target? =
            !port.externalEndpoints.isEmpty ? nil : port.endpoints.hasAny ? .drop : .reject
        for address in port.externalIPs where address != port.clusterIP {
            claim(address, port, rank: .externalIP, nat: nat, filter: filter)
        }
        if let nodePort = port.nodePort {
            claimNodePort(nodePort, port, nat: nat, filter: filter)
        }
        guard !port.loadBalancerAddresses.isEmpty else { return }
        let addresses = port.loadBalancerAddresses.filter {
            $0 != port.clusterIP && !port.externalIPs.contains($0)
        }
        guard !port.sourceRanges.isEmpty else {
            for address in addresses {
                claim(address, port, rank: .loadBalancer, nat: nat, filter: filter)
            }
            return
        }
        let restricted = NameScheme.chain(.sourceRanges, of: port.name)
        addSourceRangeChains(port, named: restricted)
        for address in addresses {
            // Whoever is let in gets translated; what still has the address in `filter` is not.
            claim(
                address,
                port,
                rank: .loadBalancer,
                nat: port.endpoints.hasAny ? .goto(restricted) : nil,
                filter: port.endpoints.hasAny ? .drop : .goto(restricted)
            )
        }
    }

    /// What comes for a ClusterIP on a port no Service has is refused, so that a wrong port is
    /// noticed at once. Never on an address the node itself has: a person's ssh goes there.
    private mutating func buildRemainder() {
        guard let owner = service.ports.first, let address = owner.clusterIP else { return }
        fragment.claims.append(
            FrontendClaim(
                space: .address,
                key: DispatchKey(anythingTo: address),
                rank: .remainder,
                owner: owner.name,
                standing: owner.standing,
                address: address,
                natRule: nil,
                filterRule: Rule(
                    destination: PrefixMatch(address),
                    matches: [.destinationIsLocal(inverted: true)],
                    target: .reject
                )
            )
        )
    }

    private mutating func buildHealthCheck() {
        guard let port = service.healthCheckNodePort, let owner = service.ports.first else {
            return
        }
        fragment.claims.append(
            FrontendClaim(
                space: .healthCheck,
                key: DispatchKey(nil, .tcp, port),
                rank: .healthCheck,
                owner: owner.name,
                standing: owner.standing,
                natRule: nil,
                filterRule: portRule(nil, .tcp, port, target: .accept)
            )
        )
    }

    private mutating func claim(
        _ address: IPAddress,
        _ port: ServicePortState,
        rank: FrontendRank,
        nat: Target?,
        filter: Target?
    ) {
        let transport = port.name.transport
        fragment.claims.append(
            FrontendClaim(
                space: .address,
                key: DispatchKey(address, transport, port.port),
                rank: rank,
                owner: port.name,
                standing: port.standing,
                address: address,
                natRule: nat.map { portRule(address, transport, port.port, target: $0) },
                filterRule: filter.map { portRule(address, transport, port.port, target: $0) }
            )
        )
    }

    private mutating func claimNodePort(
        _ nodePort: PortNumber,
        _ port: ServicePortState,
        nat: Target?,
        filter: Target?
    ) {
        let transport = port.name.transport
        fragment.claims.append(
            FrontendClaim(
                space: .nodePort,
                key: DispatchKey(nil, transport, nodePort),
                rank: .nodePort,
                owner: port.name,
                standing: port.standing,
                natRule: nat.map { portRule(nil, transport, nodePort, target: $0) },
                filterRule: filter.map { portRule(nil, transport, nodePort, target: $0) }
            )
        )
    }

    private func portRule(
        _ address: IPAddress?,
        _ transport: TransportProtocol,
        _ port: PortNumber,
        target: Target
    ) -> Rule {
        Rule(
            destination: address.map { PrefixMatch($0) },
            transport: transport,
            matches: [.destinationPort(transport, port.value...port.value)],
            target: target
        )
    }

    // MARK: - Chains

    /// The chain that decides for traffic to external addresses and node ports.
    private mutating func addExternalChain(_ port: ServicePortState) {
        let cluster = NameScheme.chain(.cluster, of: port.name)
        let mark = Target.mark(PacketMark(bit: settings.masqueradeBit))
        var rules: [Rule] = []
        if port.externalPolicyIsLocal {
            if !port.endpoints.cluster.isEmpty {
                // Pods and the node itself are inside: they may use every endpoint.
                rules += settings.localPodRules(family, target: .goto(cluster))
                rules.append(Rule(matches: [.sourceIsLocal()], target: mark))
                rules.append(Rule(matches: [.sourceIsLocal()], target: .goto(cluster)))
            }
            if !port.endpoints.local.isEmpty {
                rules.append(Rule(target: .goto(NameScheme.chain(.local, of: port.name))))
            }
        } else {
            rules.append(Rule(target: mark))
            rules.append(Rule(target: .goto(cluster)))
        }
        let chain = Chain(
            NameScheme.chain(.external, of: port.name),
            rules: rules,
            title:
                "\(port.name): from outside, policy \(port.externalPolicyIsLocal ? "Local" : "Cluster")"
        )
        fragment.natChains.append(PortChain(port: port.name, chain: chain))
    }

    /// With endpoints: lets the source ranges through to translation (nat). Without any: refuses
    /// them, and drops the others (filter).
    private mutating func addSourceRangeChains(_ port: ServicePortState, named name: ChainName) {
        var sources = port.sourceRanges
        if port.sourceRangesIncludeNode {
            sources += port.loadBalancerAddresses.map { IPPrefix($0) }
        }
        let external = NameScheme.chain(.external, of: port.name)
        let admitted: Target = port.endpoints.hasAny ? .goto(external) : .reject
        var rules = sources.map { Rule(source: PrefixMatch($0), target: admitted) }
        let title = "\(port.name): load-balancer source ranges"
        if !port.endpoints.hasAny { rules.append(Rule(target: .drop)) }
        let chain = PortChain(port: port.name, chain: Chain(name, rules: rules, title: title))
        if port.endpoints.hasAny {
            fragment.natChains.append(chain)
        } else {
            fragment.filterChains.append(chain)
        }
    }

    /// The name of the chain that spreads over `endpoints`; nil if there are none.
    private mutating func addBalancing(
        _ role: NameScheme.ChainRole,
        of port: ServicePortState,
        over endpoints: [SocketAddress]
    ) -> ChainName? {
        guard !endpoints.isEmpty else { return nil }
        var head: [Rule] = []
        let isInternal = port.internalPolicyIsLocal == (role == .local)
        if isInternal, let address = port.clusterIP, settings.masqueradesClusterIPs(family) {
            head.append(
                Rule(
                    destination: PrefixMatch(address),
                    target: .jump(StaticChains.clusterMasquerade)
                )
            )
        }
        let chains = BalancingChains(
            port: port.name,
            role: role,
            affinityTimeoutSeconds: port.affinityTimeoutSeconds,
            weight: port.endpoints.weight(of:)
        ).chains(over: endpoints, head: head)
        fragment.natChains += chains.map { PortChain(port: port.name, chain: $0) }
        return chains.first?.name
    }
}
