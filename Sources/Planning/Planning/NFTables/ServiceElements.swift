import Addressing
import DataplaneModel
import ServiceModel

/// Builds what one Service contributes to the table: endpoint groups and claims on frontends.
struct ServiceElements {
    let family: IPFamily
    let settings: PlannerSettings
    let numbers: [EndpointGroup.Key: UInt32]
    private(set) var groups: [EndpointGroup] = []
    private(set) var claims: [FrontendClaim<FrontendContent>] = []
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
        var content = FrontendContent()
        let isNodePort = frontend.kind == .nodePort
        if settings.countsTraffic { content.enter(isNodePort ? .portTraffic : .traffic) }
        if frontend.kind != .clusterIP {
            dispatch(&content, port, cluster, local, isNodePort ? .nodePorts : .addresses)
        } else if let value = port.internalPolicyIsLocal ? local : cluster {
            content.enter(.clusterIPs, value)
        } else {
            content.enter(port.endpoints.hasAny ? .dropped : .rejected)
        }
        if frontend.kind == .loadBalancer { restrict(&content, port) }
        claims.append(FrontendClaim(frontend, port, content))
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
        _ content: inout FrontendContent,
        _ port: ServicePortState,
        _ cluster: GroupValue?,
        _ local: GroupValue?,
        _ sets: FrontendSets
    ) {
        guard port.endpoints.hasAny else {
            content.enter(sets.rejected)
            return
        }
        guard port.externalPolicyIsLocal else {
            if let cluster { content.enter(sets.external, cluster) }
            return
        }
        content.enter(sets.local)
        if let cluster { content.enter(sets.internalClients, cluster) }
        if let local {
            content.enter(sets.externalClients, local)
        } else {
            content.enter(sets.dropped)
        }
    }

    private func restrict(
        _ content: inout FrontendContent,
        _ port: ServicePortState
    ) {
        guard let sources = port.allowedSources else { return }
        content.enter(.sourceRestricted)
        if settings.countsTraffic { content.enter(.notAllowed) }
        // A range within another is left out: the kernel refuses overlaps.
        let ranges = Set(sources)
        content.allowed = ranges.sorted().filter { range in
            !ranges.contains { $0 != range && $0.contains(range) }
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
