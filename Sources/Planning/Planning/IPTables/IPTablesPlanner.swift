package import Addressing
package import DataplaneModel
package import ServiceModel

/// Plans legacy iptables for one family: pure, total, and incremental.
///
/// The plan after any sequence of changes equals the plan made at once from the last state.
package struct IPTablesPlanner: Sendable {
    package let family: IPFamily
    package let settings: PlannerSettings
    /// The whole wanted state.
    package private(set) var plan: IPTablesState

    private let statics: StaticChains
    private var fragments: [ServiceName: PlannedService] = [:]
    private(set) var contests = FrontendContests<DispatchRules>()
    private var natTree: DispatchTree
    private var natNodePortTree: DispatchTree
    private var filterTree: DispatchTree
    private var filterNodePortTree: DispatchTree
    private var healthCheckTree: DispatchTree
    /// Which Service port a chain is for; only a broken hash makes two want one name.
    private(set) var chainOwners: [ChainName: ServicePortName] = [:]
    private var serviceIssues: [ServiceName: [PlanIssue]] = [:]

    /// The names of a Service's chains and what it claimed, to take back when it changes.
    private struct PlannedService {
        var natChains: [ChainName]
        var filterChains: [ChainName]
        var claims: [FrontendClaim<DispatchRules>]
    }

    /// A plan without Services.
    package init(family: IPFamily, settings: PlannerSettings) {
        self.family = family
        self.settings = settings
        let statics = StaticChains(family: family, settings: settings)
        self.statics = statics
        natTree = statics.natTree
        natNodePortTree = statics.natNodePortTree
        filterTree = statics.filterTree
        filterNodePortTree = statics.filterNodePortTree
        healthCheckTree = statics.healthCheckTree
        plan = IPTablesState()
        let nat = statics.natChains + natTree.initialChains + natNodePortTree.initialChains
        let filter =
            statics.filterChains(guardsLocalhost: false) + filterTree.initialChains
            + filterNodePortTree.initialChains + healthCheckTree.initialChains
        plan.nat.chains = Dictionary(uniqueKeysWithValues: nat.map { ($0.name, $0) })
        plan.nat.jumps = statics.natJumps
        plan.filter.chains = Dictionary(uniqueKeysWithValues: filter.map { ($0.name, $0) })
        plan.filter.jumps = statics.filterJumps(guardsLocalhost: false)
    }

    /// What could not be planned, sorted.
    package var issues: [PlanIssue] {
        (serviceIssues.values.flatMap { $0 } + contests.issues).sorted()
    }

    /// NodePorts are served on 127.0.0.1, which works only with `route_localnet` on.
    package var needsRouteLocalnet: Bool {
        !natNodePortTree.keys.isEmpty && settings.servesLocalhost(family, .iptables)
    }

    /// Plans the named Services anew and returns what that changes.
    package mutating func plan(_ names: [ServiceName], of desired: DesiredState) -> IPTablesDiff {
        var change = PlanChange(services: names.count)
        if fragments.isEmpty { reserve(names.count) }
        for name in names {
            withdraw(name, &change)
            if let service = desired.services[name] { place(service, &change) }
        }
        merge(natTree.update(change.natAddresses), into: &change.natChains)
        merge(natNodePortTree.update(change.natNodePorts), into: &change.natChains)
        merge(filterTree.update(change.filterAddresses), into: &change.filterChains)
        merge(filterNodePortTree.update(change.filterNodePorts), into: &change.filterChains)
        merge(healthCheckTree.update(change.healthChecks), into: &change.filterChains)
        return commit(change)
    }

    /// What a pass wants to be different, keyed so that the last word counts.
    private struct PlanChange {
        var natChains: [ChainName: Chain?] = [:]
        var filterChains: [ChainName: Chain?] = [:]
        var natAddresses: [DispatchKey: Rule?] = [:]
        var natNodePorts: [DispatchKey: Rule?] = [:]
        var filterAddresses: [DispatchKey: Rule?] = [:]
        var filterNodePorts: [DispatchKey: Rule?] = [:]
        var healthChecks: [DispatchKey: Rule?] = [:]

        /// With room for so many Services of one port.
        init(services: Int) {
            natChains.reserveCapacity(services)
            // The Service's port, and the rest of its address.
            natAddresses.reserveCapacity(2 * services)
            filterAddresses.reserveCapacity(2 * services)
        }

        /// A contest was decided: `winner` has the frontend now, nil if it is not claimed.
        mutating func decide(_ frontend: FrontendKey, _ winner: FrontendClaim<DispatchRules>?) {
            guard let key = DispatchKey(frontend) else { return }
            let rules = winner?.content
            switch frontend {
            case .address, .remainder:
                natAddresses[key] = .some(rules?.nat)
                filterAddresses[key] = .some(rules?.filter)
            case .nodePort:
                natNodePorts[key] = .some(rules?.nat)
                filterNodePorts[key] = .some(rules?.filter)
            case .healthCheck: healthChecks[key] = .some(rules?.filter)
            case .mark: break
            }
        }
    }

    /// Room for the first `services`, so that nothing is moved while they come in.
    private mutating func reserve(_ services: Int) {
        fragments.reserveCapacity(services)
        chainOwners.reserveCapacity(services)
        contests.reserve(2 * services)
    }

    private mutating func withdraw(_ name: ServiceName, _ change: inout PlanChange) {
        serviceIssues[name] = nil
        guard let planned = fragments.removeValue(forKey: name) else { return }
        for chain in planned.natChains {
            change.natChains[chain] = .some(nil)
            chainOwners[chain] = nil
        }
        for chain in planned.filterChains {
            change.filterChains[chain] = .some(nil)
            chainOwners[chain] = nil
        }
        for claim in planned.claims {
            change.decide(claim.key, contests.withdraw(claim))
        }
    }

    private mutating func place(_ service: ServiceState, _ change: inout PlanChange) {
        let fragment = ServiceChains(service, family: family, settings: settings).fragment
        var issues = service.refusals + Self.unsupported(service)
        let taken = (fragment.natChains + fragment.filterChains)
            .first { chainOwners[$0.chain.name] != nil }?.chain.name
        if let taken, let owner = chainOwners[taken], let port = service.ports.first {
            issues.append(
                PlanIssue(
                    port.name,
                    reason: "not served: chain name \(taken) belongs to \(owner.service)",
                    holder: owner
                )
            )
            serviceIssues[service.name] = issues
            return
        }
        if !issues.isEmpty { serviceIssues[service.name] = issues }
        for owned in fragment.natChains {
            change.natChains[owned.chain.name] = .some(owned.chain)
            chainOwners[owned.chain.name] = owned.port
        }
        for owned in fragment.filterChains {
            change.filterChains[owned.chain.name] = .some(owned.chain)
            chainOwners[owned.chain.name] = owned.port
        }
        for claim in fragment.claims {
            change.decide(claim.key, contests.enter(claim))
        }
        fragments[service.name] = PlannedService(
            natChains: fragment.natChains.map(\.chain.name),
            filterChains: fragment.filterChains.map(\.chain.name),
            claims: fragment.claims
        )
    }

    /// What this mode cannot do for a Service, which is served without it.
    private static func unsupported(_ service: ServiceState) -> [PlanIssue] {
        service.ports.flatMap { port in
            var issues: [PlanIssue] = []
            if let scheduler = port.scheduler {
                issues.append(
                    PlanIssue(
                        port.name,
                        reason:
                            "scheduler \(scheduler.rawValue): mode iptables picks at random, by weight"
                    )
                )
            }
            if port.forwarding != .nat {
                issues.append(
                    PlanIssue(
                        port.name,
                        reason:
                            "forwarding \(port.forwarding.rawValue): mode iptables translates addresses"
                    )
                )
            }
            return issues
        }
    }

    private func merge(
        _ changes: [ChainName: Chain?],
        into result: inout [ChainName: Chain?]
    ) {
        result.merge(changes) { _, new in new }
    }

    /// Puts the change into the plan and returns what really differs.
    private mutating func commit(_ change: PlanChange) -> IPTablesDiff {
        var filterChains = change.filterChains
        let jumpsBefore = plan.filter.jumps
        let guarded = plan.filter.chains[StaticChains.localhostGuard] != nil
        if guarded != needsRouteLocalnet {
            plan.filter.jumps = statics.filterJumps(guardsLocalhost: needsRouteLocalnet)
            filterChains[StaticChains.localhostGuard] = .some(
                statics.filterChains(guardsLocalhost: needsRouteLocalnet)
                    .first { $0.name == StaticChains.localhostGuard }
            )
        }
        let filter = TableDiff(
            table: .filter,
            chains: plan.filter.replaceChains(filterChains),
            jumps: TableDiff.jumpChanges(jumpsBefore, plan.filter.jumps)
        )
        let nat = TableDiff(table: .nat, chains: plan.nat.replaceChains(change.natChains))
        return IPTablesDiff(tables: [filter, nat])
    }
}

extension IPTablesPlanner: Planner {}

extension IPTablesDiff: PlanDiff {
    package var countByObject: [ChangedObject: Int] {
        [
            .chain: tables.reduce(0) { $0 + $1.chains.count },
            .jump: tables.reduce(0) { $0 + $1.jumps.count },
        ]
    }
}
