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
    private var trees: [StaticChains.Tree: DispatchTree] = [:]
    private var chains: [ServiceName: [PlannedChain]] = [:]
    private(set) var claims = FrontendClaims<DispatchRules>()
    /// Which Service port a chain is for; only a broken hash makes two want one name.
    private(set) var chainOwners: [ChainName: ServicePortName] = [:]

    /// Where a chain of a Service is, to remove it when the Service changes.
    private struct PlannedChain {
        var table: TableName
        var name: ChainName
    }

    /// A plan without Services.
    package init(family: IPFamily, settings: PlannerSettings) {
        self.family = family
        self.settings = settings
        statics = StaticChains(family: family, settings: settings)
        plan = IPTablesState()
        var chains: [TableName: [Chain]] = [
            .nat: statics.natChains, .filter: statics.filterChains(guardsLocalhost: false),
        ]
        for kind in StaticChains.Tree.allCases {
            let tree = statics.tree(kind)
            trees[kind] = tree
            chains[kind.table, default: []] += tree.initialChains
        }
        for (table, chains) in chains {
            plan[table].chains = Dictionary(uniqueKeysWithValues: chains.map { ($0.name, $0) })
        }
        plan.nat.jumps = statics.natJumps
        plan.filter.jumps = statics.filterJumps(guardsLocalhost: false)
    }

    /// What could not be planned, sorted.
    package var issues: [PlanIssue] { claims.issues }

    /// NodePorts are served on 127.0.0.1, which works only with `route_localnet` on.
    package var needsRouteLocalnet: Bool {
        trees[.natNodePorts]?.keys.isEmpty == false && settings.servesLocalhost(family, .iptables)
    }

    /// The rules that keep neighbours out of 127.0.0.0/8 stay even without a need: `route_localnet` is still on. To be
    /// set before Services are planned.
    package var keepsLocalhostGuard = false

    /// The plan has the rules that keep neighbours out of 127.0.0.0/8.
    package var plansLocalhostGuard: Bool {
        plan.filter.chains[StaticChains.localhostGuard] != nil
    }

    /// Plans the named Services anew and returns what that changes.
    package mutating func plan(_ names: [ServiceName], of desired: DesiredState) -> IPTablesDiff {
        var change = PlanChange(services: names.count)
        if claims.isEmpty { reserve(names.count) }
        for name in names {
            withdraw(name, &change)
            if let service = desired.services[name] { place(service, &change) }
        }
        for frontend in change.touched { change.decide(frontend, claims.winner(of: frontend)) }
        let order = filterOrder(change)
        for (kind, rules) in change.rules {
            guard let changed = trees[kind]?.update(rules) else { continue }
            change.chains[kind.table, default: [:]].merge(changed) { $1 }
        }
        return commit(change, order)
    }

    /// What a pass wants to be different, keyed so that the last value counts.
    private struct PlanChange {
        var chains: [TableName: [ChainName: Chain?]] = [:]
        var touched: Set<FrontendKey> = []
        var rules: [StaticChains.Tree: [DispatchKey: Rule?]] = [:]

        /// With room for so many Services of one port.
        init(services: Int) {
            chains[.nat] = Dictionary(minimumCapacity: services)
            // The Service's port, and the rest of its address.
            touched.reserveCapacity(2 * services)
            for tree in [StaticChains.Tree.nat, .filter] {
                rules[tree] = Dictionary(minimumCapacity: 2 * services)
            }
        }

        /// A contest was decided: `winner` has the frontend, nil if it is not claimed.
        mutating func decide(_ frontend: FrontendKey, _ winner: FrontendClaim<DispatchRules>?) {
            guard let key = DispatchKey(frontend) else { return }
            let trees: (nat: StaticChains.Tree?, filter: StaticChains.Tree)
            switch frontend {
            case .address, .remainder: trees = (.nat, .filter)
            case .nodePort: trees = (.natNodePorts, .filterNodePorts)
            case .healthCheck: trees = (nil, .healthChecks)
            case .mark: return
            }
            if let nat = trees.nat { rules[nat, default: [:]][key] = .some(winner?.content.nat) }
            rules[trees.filter, default: [:]][key] = .some(winner?.content.filter)
        }
    }

    /// Room for the first `services`, so that nothing is moved while they come in.
    private mutating func reserve(_ services: Int) {
        chains.reserveCapacity(services)
        chainOwners.reserveCapacity(services)
        claims.reserve(services: services, frontends: 2 * services)
    }

    private mutating func withdraw(_ name: ServiceName, _ change: inout PlanChange) {
        claims.withdraw(name, &change.touched)
        for chain in chains.removeValue(forKey: name) ?? [] {
            change.chains[chain.table, default: [:]][chain.name] = .some(nil)
            chainOwners[chain.name] = nil
        }
    }

    private mutating func place(_ service: ServiceState, _ change: inout PlanChange) {
        let built = ServiceChains(service, family: family, settings: settings)
        var issues = service.refusals + service.ports.flatMap { $0.unsupported(in: .iptables) }
        let clash = built.chains.first { chainOwners[$0.chain.name] != nil }?.chain.name
        if let clash, let owner = chainOwners[clash], let port = service.ports.first {
            issues.append(
                PlanIssue(
                    port.name,
                    reason: "not served: chain name \(clash) belongs to \(owner.service)",
                    holder: owner
                )
            )
            claims.enter([], of: service.name, issues: issues, &change.touched)
            return
        }
        for owned in built.chains {
            change.chains[owned.table, default: [:]][owned.chain.name] = .some(owned.chain)
            chainOwners[owned.chain.name] = owned.port
        }
        claims.enter(built.claims, of: service.name, issues: issues, &change.touched)
        chains[service.name] = built.chains.map {
            PlannedChain(table: $0.table, name: $0.chain.name)
        }
    }

    /// To be asked before the trees are changed.
    private func filterOrder(_ change: PlanChange) -> FilterOrder {
        var refusals = RefusalChanges()
        let pairs: [(StaticChains.Tree, StaticChains.Tree)] = [
            (.nat, .filter), (.natNodePorts, .filterNodePorts),
        ]
        for (nat, filter) in pairs {
            guard let natTree = trees[nat], let filterTree = trees[filter],
                let filterRules = change.rules[filter]
            else { continue }
            refusals.add(
                RefusalChanges.Pair(
                    nat: natTree,
                    filter: filterTree,
                    natRules: change.rules[nat] ?? [:],
                    filterRules: filterRules
                )
            )
        }
        return refusals.order
    }

    /// Puts the change into the plan and returns what really differs.
    private mutating func commit(_ change: PlanChange, _ order: FilterOrder) -> IPTablesDiff {
        var filterChains = change.chains[.filter] ?? [:]
        let jumpsBefore = plan.filter.jumps
        let guarded = plansLocalhostGuard
        let guards = needsRouteLocalnet || keepsLocalhostGuard
        var order = order
        if guarded != guards {
            // Neighbours are kept out before a node port is translated on 127.0.0.1.
            if guards, order == .last { order = .both }
            plan.filter.jumps = statics.filterJumps(guardsLocalhost: guards)
            filterChains[StaticChains.localhostGuard] = .some(
                statics.filterChains(guardsLocalhost: guards)
                    .first { $0.name == StaticChains.localhostGuard }
            )
        }
        let filter = TableDiff(
            table: .filter,
            chains: plan.filter.replaceChains(filterChains),
            jumps: TableDiff.jumpChanges(jumpsBefore, plan.filter.jumps)
        )
        let nat = TableDiff(table: .nat, chains: plan.nat.replaceChains(change.chains[.nat] ?? [:]))
        return IPTablesDiff(tables: [filter, nat], filterOrder: order)
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
