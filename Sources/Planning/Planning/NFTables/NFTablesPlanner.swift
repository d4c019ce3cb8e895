package import Addressing
package import DataplaneModel
package import ServiceModel

/// Plans a table of nftables for one family, in which Services are nothing but elements of sets:
/// pure, total, and incremental.
///
/// The plan after any sequence of changes equals the plan made at once from the last state.
package struct NFTablesPlanner: Sendable {
    package let family: IPFamily
    package let settings: PlannerSettings
    /// The whole wanted state.
    package private(set) var plan: NFTablesState

    private var numbers = NumberTable<EndpointGroup.Key>(
        count: GroupValue.maximumNumber
    ) { $0.hash }
    private var services: [ServiceName: PlannedService] = [:]
    private var claims = FrontendClaims<FrontendContent>()
    /// How many frontends that a claim has are node ports.
    private var nodePortCount = 0
    private var balancers = ReferenceCounts<Balancer>()
    /// How often an address is needed as a hairpin besides the first time.
    private var moreHairpins: [IPAddress: Int] = [:]
    private var clusterAddresses = ReferenceCounts<IPAddress>()

    /// What a Service has in the plan, to remove when it changes.
    private struct PlannedService {
        var groups: [EndpointGroup]
        var clusterAddress: IPAddress?
    }

    /// Chains for so many slots are always there, so that most changes touch elements only.
    private static let standingSlots: UInt32 = 32

    /// A plan without Services.
    package init(family: IPFamily, settings: PlannerSettings) {
        self.family = family
        self.settings = settings
        let standing = (1...Self.standingSlots).map { Balancer(kind: .random, slots: $0) }
        plan = NFTablesState(
            chains: TableChains(family: family, settings: settings).chains + standing.map(\.chain),
            sets: TableSet.all(counting: settings.countsTraffic).map {
                $0.empty(counting: settings.countsTraffic)
            }
        )
        for balancer in standing {
            balancers.add(balancer)
            let element = balancer.element
            plan.sets[TableSet.balancers.name]?.elements[element.key] = element.data
        }
    }

    /// What could not be planned, sorted.
    package var issues: [PlanIssue] { claims.issues }

    /// Node ports are served on 127.0.0.1, which works only with `route_localnet` on.
    package var needsRouteLocalnet: Bool {
        nodePortCount > 0 && settings.servesLocalhost(family, .nftables)
    }

    /// The rules that keep neighbours out of 127.0.0.0/8 stay even where the settings need none: `route_localnet` is
    /// still on. To be set before Services are planned.
    package var keepsLocalhostGuard = false

    /// The plan has the rules that keep neighbours out of 127.0.0.0/8.
    package var plansLocalhostGuard: Bool {
        plan.chains[TableChains.localhost] != nil
    }

    /// Every frontend that is served or refused, with its owner.
    var frontends: some Collection<FrontendClaim<FrontendContent>> { claims.winners }

    /// The Service port whose endpoints `value` of `meta priority` leads to; nil if no group has it.
    package func title(of value: UInt32) -> String? {
        numbers.key(of: GroupValue(rawValue: value).number).map {
            "\($0.port)\($0.isLocal ? ": endpoints on this node" : "")"
        }
    }

    /// The owner of the endpoint group of a value of `meta priority`.
    func groupOwner(of value: UInt32) -> ServicePortName? {
        numbers.key(of: GroupValue(rawValue: value).number)?.port
    }

    /// Every endpoint group in the plan.
    var groups: some Sequence<EndpointGroup> { services.values.lazy.flatMap(\.groups) }

    /// The ClusterIP of each Service that has one.
    var clusterAddressOwners: some Sequence<(IPAddress, ServiceName)> {
        services.lazy.compactMap { name, planned in planned.clusterAddress.map { ($0, name) } }
    }

    /// Plans the named Services anew and returns what that changes.
    package mutating func plan(_ names: [ServiceName], of desired: DesiredState) -> NFTablesDiff {
        change(names, desired, isNoting: true)
    }

    package mutating func load(_ names: [ServiceName], of desired: DesiredState) {
        _ = change(names, desired, isNoting: false)
    }

    private mutating func change(
        _ names: [ServiceName],
        _ desired: DesiredState,
        isNoting: Bool
    ) -> NFTablesDiff {
        let moved = updateNumbers(names, desired)
        var change = TableChange(isNoting: isNoting)
        if services.isEmpty { reserve(names, desired, &change) }
        for name in names + moved { withdraw(name, &change) }
        for name in names + moved {
            if let service = desired.services[name] { place(service, &change) }
        }
        for (frontend, old) in change.former { decide(frontend, old, &change) }
        countBalancers(&change)
        guardLocalhost(&change)
        let updates = change.finishElements(of: &plan)
        return plan.edit(chains: change.chains, sets: change.sets, updates: updates)
    }

    private func guardLocalhost(_ change: inout TableChange) {
        let chains = TableChains(
            family: family,
            settings: settings,
            keepsLocalhostGuard: keepsLocalhostGuard
        )
        guard chains.guardsLocalhost != plansLocalhostGuard else { return }
        change.chains[TableChains.localhost] = .some(nil)
        for chain in chains.localhostChains { change.chains[chain.name] = .some(chain) }
    }

    // MARK: - Services

    /// Room for all there will be: tables that grow step by step hash everything twice.
    private mutating func reserve(
        _ names: [ServiceName],
        _ desired: DesiredState,
        _ change: inout TableChange
    ) {
        var endpoints = 0
        for name in names {
            for port in desired.services[name]?.ports ?? [] {
                endpoints += port.endpoints.cluster.count
            }
        }
        services.reserveCapacity(names.count)
        claims.reserve(services: names.count, frontends: names.count)
        clusterAddresses.reserve(names.count)
        change.former.reserveCapacity(names.count)
        for set in [TableSet.endpoints, .hairpin] { change.reserve(endpoints, in: set, of: &plan) }
        for set in [TableSet.clusterIPs, .clusterAddresses] {
            change.reserve(names.count, in: set, of: &plan)
        }
    }

    /// Numbers the present groups; returns the other Services whose numbers that moves.
    private mutating func updateNumbers(
        _ names: [ServiceName],
        _ desired: DesiredState
    ) -> [ServiceName] {
        if services.isEmpty {
            // No other Service has a number that could move.
            let ports = names.lazy.compactMap { desired.services[$0]?.ports }.joined()
            numbers.load(ports.flatMap(ServiceElements.keys))
            return []
        }
        var old: Set<EndpointGroup.Key> = []
        var new: Set<EndpointGroup.Key> = []
        for name in names {
            old.formUnion(services[name]?.groups.map(\.key) ?? [])
            for port in desired.services[name]?.ports ?? [] {
                new.formUnion(ServiceElements.keys(port))
            }
        }
        if old == new { return [] }
        let moved = numbers.update(removing: old, adding: new).map(\.port.service)
        return Set(moved).subtracting(names).sorted()
    }

    private mutating func withdraw(_ name: ServiceName, _ change: inout TableChange) {
        claims.withdraw(name, former: &change.former)
        guard let planned = services.removeValue(forKey: name) else { return }
        for group in planned.groups {
            for (set, element) in group.elements { change.remove(element, from: set, of: &plan) }
            for chain in group.affinityChains { change.chains[chain.name] = .some(nil) }
            if let set = group.affinitySet { change.sets[set.name] = .some(nil) }
            release(group, &change)
        }
        if let address = planned.clusterAddress {
            release(address, &change)
        }
    }

    private mutating func place(_ service: ServiceState, _ change: inout TableChange) {
        let built = ServiceElements(
            service,
            family: family,
            settings: settings,
            numbers: numbers.numbers
        )
        for group in built.groups {
            for (set, element) in group.elements { change.add(element, to: set, of: &plan) }
            for chain in group.affinityChains { change.chains[chain.name] = .some(chain) }
            if let set = group.affinitySet { change.sets[set.name] = .some(set) }
            retain(group, &change)
        }
        claims.enter(
            built.claims,
            of: service.name,
            issues: built.issues,
            former: &change.former
        )
        let address = service.ports.first?.clusterIP
        if let address {
            retain(address, &change)
        }
        services[service.name] = PlannedService(
            groups: built.groups,
            clusterAddress: address
        )
    }

    /// Replaces what the frontend's former winner has in the plan by what the present one has.
    private mutating func decide(
        _ frontend: FrontendKey,
        _ old: FrontendClaim<FrontendContent>?,
        _ change: inout TableChange
    ) {
        let new = claims.winner(of: frontend)
        guard old != new else { return }
        if case .nodePort = frontend {
            nodePortCount += (new == nil ? 0 : 1) - (old == nil ? 0 : 1)
        }
        for entry in old?.elements ?? [] {
            change.remove(entry.element, from: entry.set, of: &plan)
        }
        for entry in new?.elements ?? [] { change.add(entry.element, to: entry.set, of: &plan) }
    }

    // MARK: - What Services share

    private mutating func retain(_ group: EndpointGroup, _ change: inout TableChange) {
        if let balancer = group.balancer {
            balancers.add(balancer)
            change.balancers.insert(balancer)
        }
        for slot in group.slots {
            let isFirst = change.add(Self.hairpin(slot.address), to: .hairpin, of: &plan)
            if !isFirst { moreHairpins[slot.address, default: 0] += 1 }
        }
    }

    private mutating func release(_ group: EndpointGroup, _ change: inout TableChange) {
        if let balancer = group.balancer {
            balancers.remove(balancer)
            change.balancers.insert(balancer)
        }
        for slot in group.slots {
            if let more = moreHairpins[slot.address] {
                moreHairpins[slot.address] = more > 1 ? more - 1 : nil
            } else {
                change.remove(Self.hairpin(slot.address), from: .hairpin, of: &plan)
            }
        }
    }

    private static func hairpin(_ address: IPAddress) -> NFTElement {
        NFTElement(NFTValue(address).appending(address))
    }

    private mutating func retain(_ clusterAddress: IPAddress, _ change: inout TableChange) {
        guard clusterAddresses.add(clusterAddress) else { return }
        change.add(NFTElement(NFTValue(clusterAddress)), to: .clusterAddresses, of: &plan)
    }

    private mutating func release(_ clusterAddress: IPAddress, _ change: inout TableChange) {
        guard clusterAddresses.remove(clusterAddress) else { return }
        change.remove(NFTElement(NFTValue(clusterAddress)), from: .clusterAddresses, of: &plan)
    }

    /// A chain exists as long as a group needs it.
    private mutating func countBalancers(_ change: inout TableChange) {
        for balancer in change.balancers {
            let isNeeded = balancers.contains(balancer)
            change.chains[balancer.chainName] = .some(isNeeded ? balancer.chain : nil)
            let element = balancer.element
            if isNeeded {
                change.add(element, to: .balancers, of: &plan)
            } else {
                change.remove(element, from: .balancers, of: &plan)
            }
        }
    }
}

extension NFTablesPlanner: Planner {}

extension NFTablesDiff: PlanDiff {
    package var countByObject: [ChangedObject: Int] {
        let tables = table == nil && rebuilt == nil ? 0 : 1
        let changed = chains.count + (rebuilt?.chains.count ?? 0)
        return [.table: tables, .chain: changed, .set: count - tables - changed]
    }
}

/// How often something is needed.
struct ReferenceCounts<Key: Hashable & Sendable>: Sendable {
    private var counts: [Key: Int] = [:]

    mutating func reserve(_ keys: Int) { counts.reserveCapacity(keys) }

    func contains(_ key: Key) -> Bool { counts[key] != nil }

    /// Whether it was not needed before.
    @discardableResult
    mutating func add(_ key: Key) -> Bool {
        func increment(_ count: inout Int) -> Int {
            count += 1
            return count
        }
        return increment(&counts[key, default: 0]) == 1
    }

    /// Whether it is no longer needed.
    @discardableResult
    mutating func remove(_ key: Key) -> Bool {
        let count = (counts[key] ?? 0) - 1
        counts[key] = count > 0 ? count : nil
        return count == 0
    }
}
