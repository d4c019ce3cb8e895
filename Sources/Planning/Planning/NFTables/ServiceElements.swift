import Addressing
import DataplaneModel
import ServiceModel

/// Builds what one Service contributes to the table: endpoint groups and claims on frontends.
struct ServiceElements {
    let family: IPFamily
    let settings: PlannerSettings
    let numbers: [EndpointGroup.Key: UInt32]
    private(set) var groups: [EndpointGroup] = []
    private(set) var claims: [FrontendClaim<[TableElement]>] = []
    private(set) var issues: [PlanIssue] = []

    /// Groups without a number are left out, and reported.
    init(
        _ service: ServiceState,
        family: IPFamily,
        settings: PlannerSettings,
        numbers: [EndpointGroup.Key: UInt32]
    ) {
        self.family = family
        self.settings = settings
        self.numbers = numbers
        issues = service.refusals
        for port in service.ports { build(port) }
    }

    /// The groups a Service port has, which need numbers.
    static func keys(_ port: ServicePortState) -> [EndpointGroup.Key] {
        var keys: [EndpointGroup.Key] = []
        let needsCluster = !port.internalPolicyIsLocal || port.isExternallyAccessible
        if needsCluster, !port.endpoints.cluster.isEmpty {
            keys.append(EndpointGroup.Key(port: port.name, isLocal: false))
        }
        if !port.endpoints.local.isEmpty {
            keys.append(EndpointGroup.Key(port: port.name, isLocal: true))
        }
        return keys
    }

    private mutating func build(_ port: ServicePortState) {
        let kind = kind(port)
        var cluster: GroupValue?
        var local: GroupValue?
        for key in Self.keys(port) {
            guard let number = numbers[key] else {
                issues.append(PlanIssue(port.name, reason: "not served: all numbers are taken"))
                continue
            }
            let group = EndpointGroup(
                key,
                number: number,
                kind: kind,
                affinityTimeoutSeconds: port.affinityTimeoutSeconds,
                endpoints: key.isLocal ? port.endpoints.local : port.endpoints.cluster,
                weight: port.endpoints.weight(of:)
            )
            groups.append(group)
            if key.isLocal { local = group.value } else { cluster = group.value }
        }
        noteLimits(port)
        for frontend in port.frontends { claim(frontend, port, cluster, local) }
    }

    // MARK: - Frontends

    private mutating func claim(
        _ frontend: Frontend,
        _ port: ServicePortState,
        _ cluster: GroupValue?,
        _ local: GroupValue?
    ) {
        var claim = FrontendClaim(frontend, port, [TableElement]())
        let isNodePort = frontend.kind == .nodePort
        if settings.countsTraffic { claim.enter(isNodePort ? .portTraffic : .traffic) }
        if frontend.kind != .clusterIP {
            dispatch(&claim, port, cluster, local, isNodePort ? .nodePorts : .addresses)
        } else if let value = port.internalPolicyIsLocal ? local : cluster {
            claim.enter(.clusterIPs, value)
        } else {
            claim.enter(port.endpoints.hasAny ? .dropped : .rejected)
        }
        if frontend.kind == .loadBalancer { restrict(&claim, port) }
        claims.append(claim)
    }

    /// The sets for frontends of one sort.
    private struct FrontendSets {
        var external: TableSet
        var local: TableSet
        var externalClients: TableSet
        var internalClients: TableSet
        var rejected: TableSet
        var dropped: TableSet

        static let addresses = FrontendSets(
            external: .externalIPs,
            local: .localIPs,
            externalClients: .externalClientIPs,
            internalClients: .internalClientIPs,
            rejected: .rejected,
            dropped: .dropped
        )
        static let nodePorts = FrontendSets(
            external: .externalPorts,
            local: .localPorts,
            externalClients: .externalClientPorts,
            internalClients: .internalClientPorts,
            rejected: .rejectedPorts,
            dropped: .droppedPorts
        )
    }

    private func dispatch(
        _ claim: inout FrontendClaim<[TableElement]>,
        _ port: ServicePortState,
        _ cluster: GroupValue?,
        _ local: GroupValue?,
        _ sets: FrontendSets
    ) {
        guard port.endpoints.hasAny else {
            claim.enter(sets.rejected)
            return
        }
        guard port.externalPolicyIsLocal else {
            if let cluster { claim.enter(sets.external, cluster) }
            return
        }
        claim.enter(sets.local)
        if let cluster { claim.enter(sets.internalClients, cluster) }
        if let local { claim.enter(sets.externalClients, local) } else { claim.enter(sets.dropped) }
    }

    private func restrict(
        _ claim: inout FrontendClaim<[TableElement]>,
        _ port: ServicePortState
    ) {
        guard let sources = port.allowedSources else { return }
        claim.enter(.sourceRestricted)
        if settings.countsTraffic { claim.enter(.notAllowed) }
        // A range within another is left out: the kernel refuses overlaps.
        let ranges = Set(sources)
        for range in ranges.sorted()
        where !ranges.contains(where: { $0 != range && $0.contains(range) }) {
            let key = NFTValue(claim.key).appending(range)
            claim.content.append(TableElement(set: .allowed, element: NFTElement(key)))
        }
    }

    // MARK: - Balancing

    private func kind(_ port: ServicePortState) -> Balancer.Kind {
        switch port.scheduler ?? settings.nftablesScheduler {
        case .rr, .wrr: .roundRobin
        case .sh: .hashedAddress
        case .mh: .hashedAddressAndPort
        default: .random
        }
    }

    private mutating func noteLimits(_ port: ServicePortState) {
        let size = max(port.endpoints.cluster.count, port.endpoints.local.count)
        if size > GroupValue.maximumSlots {
            issues.append(
                PlanIssue(
                    port.name,
                    reason:
                        "\(size) endpoints: mode nftables uses the first \(GroupValue.maximumSlots)"
                )
            )
        }
        issues += port.unsupported(in: .nftables, schedulers: [.rr, .wrr, .sh, .mh])
    }
}
