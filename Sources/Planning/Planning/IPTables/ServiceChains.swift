import Addressing
import DataplaneModel
import ServiceModel

/// The rules for a frontend in the dispatch trees.
struct DispatchRules: Equatable {
    var nat: Rule?
    var filter: Rule?
}

/// A chain and the Service port that it is for.
struct PortChain {
    var table = TableName.nat
    var port: ServicePortName
    var chain: Chain
}

/// Builds what one Service contributes to the plan: claims on frontends, and a chain per Service
/// port whose rules translate directly.
struct ServiceChains {
    let family: IPFamily
    let settings: PlannerSettings
    let service: ServiceState
    private(set) var chains: [PortChain] = []
    private(set) var claims: [FrontendClaim<DispatchRules>] = []

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
        if port.isExternallyAccessible {
            if port.endpoints.hasAny { addExternalChain(port) }
            if !port.sourceRanges.isEmpty { addSourceRangeChains(port) }
        }
        for frontend in port.frontends {
            switch frontend.kind {
            case .clusterIP:
                claimClusterIP(
                    frontend,
                    port,
                    port.internalPolicyIsLocal ? localChain : clusterChain
                )
            case .loadBalancer where !port.sourceRanges.isEmpty: claimRestricted(frontend, port)
            default: claimExternal(frontend, port)
            }
        }
    }

    // MARK: - Frontends

    /// `chain` spreads over the port's internal endpoints; nil if there are none.
    private mutating func claimClusterIP(
        _ frontend: Frontend,
        _ port: ServicePortState,
        _ chain: ChainName?
    ) {
        let target = chain.map { Target.goto($0) }
        let refusal: Target = port.endpoints.hasAny ? .drop : .reject
        claim(frontend, port, nat: target, filter: target != nil ? nil : refusal)
    }

    private mutating func claimExternal(_ frontend: Frontend, _ port: ServicePortState) {
        let external = NameScheme.chain(.external, of: port.name)
        let refusal: Target = port.endpoints.hasAny ? .drop : .reject
        claim(
            frontend,
            port,
            nat: port.endpoints.hasAny ? .goto(external) : nil,
            filter: port.externalEndpoints.isEmpty ? refusal : nil
        )
    }

    /// Connections from allowed sources are translated; what still has the address in `filter` is
    /// not from one.
    private mutating func claimRestricted(_ frontend: Frontend, _ port: ServicePortState) {
        let restricted = NameScheme.chain(.sourceRanges, of: port.name)
        claim(
            frontend,
            port,
            nat: port.endpoints.hasAny ? .goto(restricted) : nil,
            filter: port.endpoints.hasAny ? .drop : .goto(restricted)
        )
    }

    /// What comes for a ClusterIP on a port no Service has is refused, so that a wrong port is
    /// noticed at once. Never on an address of the node itself, where its sshd listens.
    private mutating func buildRemainder() {
        guard let owner = service.ports.first, let address = owner.clusterIP else { return }
        let rule = Rule(
            destination: PrefixMatch(address),
            matches: [.destinationIsLocal(inverted: true)],
            target: .reject
        )
        let frontend = Frontend(kind: .remainder, key: .remainder(address))
        claims.append(FrontendClaim(frontend, owner, DispatchRules(filter: rule)))
    }

    private mutating func buildHealthCheck() {
        guard let port = service.healthCheckNodePort, let owner = service.ports.first else {
            return
        }
        let rule = portRule(nil, .tcp, port, target: .accept)
        let frontend = Frontend(kind: .healthCheck, key: .healthCheck(port))
        claims.append(FrontendClaim(frontend, owner, DispatchRules(filter: rule)))
    }

    private mutating func claim(
        _ frontend: Frontend,
        _ port: ServicePortState,
        nat: Target?,
        filter: Target?
    ) {
        func rule(_ target: Target?) -> Rule? {
            guard let target else { return nil }
            return switch frontend.key {
            case .address(let socket, let transport):
                portRule(socket.address, transport, socket.port, target: target)
            case .nodePort(let number, let transport):
                portRule(nil, transport, number, target: target)
            case .healthCheck, .remainder, .mark: nil
            }
        }
        let rules = DispatchRules(nat: rule(nat), filter: rule(filter))
        claims.append(FrontendClaim(frontend, port, rules))
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
        chains.append(PortChain(port: port.name, chain: chain))
    }

    /// With endpoints: lets the source ranges through to translation (nat). Without any: refuses
    /// them, and drops the others (filter).
    private mutating func addSourceRangeChains(_ port: ServicePortState) {
        let name = NameScheme.chain(.sourceRanges, of: port.name)
        let external = NameScheme.chain(.external, of: port.name)
        let admitted: Target = port.endpoints.hasAny ? .goto(external) : .reject
        var rules = (port.allowedSources ?? []).map {
            Rule(source: PrefixMatch($0), target: admitted)
        }
        let title = "\(port.name): load-balancer source ranges"
        if !port.endpoints.hasAny { rules.append(Rule(target: .drop)) }
        chains.append(
            PortChain(
                table: port.endpoints.hasAny ? .nat : .filter,
                port: port.name,
                chain: Chain(name, rules: rules, title: title)
            )
        )
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
        let balancing = BalancingChains(
            port: port.name,
            role: role,
            affinityTimeoutSeconds: port.affinityTimeoutSeconds,
            weight: port.endpoints.weight(of:)
        ).chains(over: endpoints, head: head)
        chains += balancing.map { PortChain(port: port.name, chain: $0) }
        return balancing.first?.name
    }
}
