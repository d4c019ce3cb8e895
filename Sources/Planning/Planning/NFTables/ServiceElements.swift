import Addressing
import DataplaneModel
import ServiceModel

/// Builds what one Service contributes to the table: balancing lists and claims on frontends.
struct ServiceElements {
    let family: IPFamily
    let settings: PlannerSettings
    let numbers: [BalancingList.Key: UInt32]
    private(set) var lists: [BalancingList] = []
    private(set) var claims: [TableClaim] = []
    private(set) var issues: [PlanIssue] = []

    /// Lists without a number are left out, and reported.
    init(
        _ service: ServiceState,
        family: IPFamily,
        settings: PlannerSettings,
        numbers: [BalancingList.Key: UInt32]
    ) {
        self.family = family
        self.settings = settings
        self.numbers = numbers
        issues = service.refusals
        for port in service.ports { build(port) }
    }

    /// The lists a Service port has, which need numbers.
    static func keys(_ port: ServicePortState) -> [BalancingList.Key] {
        var keys: [BalancingList.Key] = []
        let needsCluster = !port.internalPolicyIsLocal || port.isExternallyAccessible
        if needsCluster, !port.endpoints.cluster.isEmpty {
            keys.append(BalancingList.Key(port: port.name, isLocal: false))
        }
        if !port.endpoints.local.isEmpty {
            keys.append(BalancingList.Key(port: port.name, isLocal: true))
        }
        return keys
    }

    private mutating func build(_ port: ServicePortState) {
        let kind = kind(port)
        var values: [Bool: UInt32] = [:]
        for key in Self.keys(port) {
            guard let number = numbers[key] else {
                issues.append(PlanIssue(port.name, reason: "not served: all numbers are taken"))
                continue
            }
            let list = BalancingList(
                key,
                number: number,
                kind: kind,
                affinityTimeoutSeconds: port.affinityTimeoutSeconds,
                endpoints: key.isLocal ? port.endpoints.local : port.endpoints.cluster,
                weight: port.endpoints.weight(of:)
            )
            lists.append(list)
            values[key.isLocal] = list.value
        }
        noteLimits(port)
        buildClusterIP(port, values[port.internalPolicyIsLocal])
        if port.isExternallyAccessible {
            buildExternalFrontends(port, cluster: values[false], local: values[true])
        }
    }

    // MARK: - Frontends

    private mutating func buildClusterIP(_ port: ServicePortState, _ value: UInt32?) {
        guard let address = port.clusterIP else { return }
        var claim = claim(port, address, .clusterIP)
        if let value {
            claim.enter(.clusterIPs, value)
        } else {
            claim.enter(port.endpoints.hasAny ? .dropped : .rejected)
        }
        claims.append(claim)
    }

    private mutating func buildExternalFrontends(
        _ port: ServicePortState,
        cluster: UInt32?,
        local: UInt32?
    ) {
        for address in port.externalIPs where address != port.clusterIP {
            var claim = claim(port, address, .externalIP)
            lead(&claim, port, cluster, local, .addresses)
            claims.append(claim)
        }
        for address in port.loadBalancerAddresses
        where address != port.clusterIP && !port.externalIPs.contains(address) {
            var claim = claim(port, address, .loadBalancer)
            lead(&claim, port, cluster, local, .addresses)
            restrict(&claim, port, SocketAddress(address, port.port))
            claims.append(claim)
        }
        guard let nodePort = port.nodePort else { return }
        var claim = TableClaim(
            frontend: .nodePort(port.name.transport, nodePort),
            rank: .nodePort,
            owner: port.name,
            standing: port.standing
        )
        if settings.countsTraffic { claim.enter(.portTraffic) }
        lead(&claim, port, cluster, local, .nodePorts)
        claims.append(claim)
    }

    private func claim(
        _ port: ServicePortState,
        _ address: IPAddress,
        _ rank: FrontendRank
    ) -> TableClaim {
        var claim = TableClaim(
            frontend: .address(SocketAddress(address, port.port), port.name.transport),
            rank: rank,
            owner: port.name,
            standing: port.standing
        )
        if settings.countsTraffic { claim.enter(.traffic) }
        return claim
    }

    /// The sets for frontends of one sort.
    private struct FrontendSets {
        var external: TableSet
        var local: TableSet
        var outside: TableSet
        var inside: TableSet
        var rejected: TableSet
        var dropped: TableSet

        static let addresses = FrontendSets(
            external: .externalIPs,
            local: .localIPs,
            outside: .outsideIPs,
            inside: .insideIPs,
            rejected: .rejected,
            dropped: .dropped
        )
        static let nodePorts = FrontendSets(
            external: .externalPorts,
            local: .localPorts,
            outside: .outsidePorts,
            inside: .insidePorts,
            rejected: .rejectedPorts,
            dropped: .droppedPorts
        )
    }

    private func lead(
        _ claim: inout TableClaim,
        _ port: ServicePortState,
        _ cluster: UInt32?,
        _ local: UInt32?,
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
        if let cluster { claim.enter(sets.inside, cluster) }
        if let local { claim.enter(sets.outside, local) } else { claim.enter(sets.dropped) }
    }

    private func restrict(
        _ claim: inout TableClaim,
        _ port: ServicePortState,
        _ socket: SocketAddress
    ) {
        guard !port.sourceRanges.isEmpty else { return }
        claim.enter(.guarded)
        if settings.countsTraffic { claim.enter(.notAllowed) }
        let own =
            port.sourceRangesIncludeNode ? port.loadBalancerAddresses.map { IPPrefix($0) } : []
        // One range within another is no second element: the kernel takes no overlaps.
        let ranges = Set(port.sourceRanges + own)
        for range in ranges.sorted()
        where !ranges.contains(where: { $0 != range && $0.contains(range) }) {
            let key = NFTValue(socket, port.name.transport).appending(range)
            claim.entries.append(TableClaim.Entry(set: .allowed, element: NFTElement(key)))
        }
    }

    // MARK: - Balancing

    private func kind(_ port: ServicePortState) -> BalancingList.Kind {
        switch port.scheduler ?? settings.nftablesScheduler {
        case .rr, .wrr: .roundRobin
        case .sh: .hashedAddress
        case .mh: .hashedAddressAndPort
        default: .random
        }
    }

    private mutating func noteLimits(_ port: ServicePortState) {
        let size = max(port.endpoints.cluster.count, port.endpoints.local.count)
        if size > BalancingList.maximumSlots {
            issues.append(
                PlanIssue(
                    port.name,
                    reason:
                        "\(size) endpoints: mode nftables uses the first \(BalancingList.maximumSlots)"
                )
            )
        }
        switch port.scheduler {
        case nil, .rr, .wrr, .sh, .mh: break
        case let scheduler?:
            issues.append(
                PlanIssue(
                    port.name,
                    reason:
                        "scheduler \(scheduler.rawValue): mode nftables picks at random, by weight"
                )
            )
        }
        if port.forwarding != .nat {
            issues.append(
                PlanIssue(
                    port.name,
                    reason:
                        "forwarding \(port.forwarding.rawValue): mode nftables translates addresses"
                )
            )
        }
    }
}
