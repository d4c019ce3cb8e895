package import Addressing
package import DataplaneModel
package import ServiceModel

/// Plans IPVS virtual servers for one family, with the sets, rules and addresses they need: pure,
/// total, and incremental.
///
/// The plan after any sequence of changes equals the plan made at once from the last state.
package struct IPVSPlanner: Sendable {
    package let family: IPFamily
    package let settings: PlannerSettings
    /// The whole wanted state.
    package private(set) var plan: IPVSState

    private let nodePortAddresses: [IPAddress]
    private var marks: InternalMarks
    private var claims = FrontendClaims<FrontendServer>()
    /// The claims whose servers and entries are in the plan.
    private(set) var winners: [FrontendKey: FrontendClaim<FrontendServer>] = [:]
    /// How many frontends have an address.
    private var boundFrontends: [IPAddress: Int] = [:]

    /// A plan without Services.
    package init(family: IPFamily, settings: PlannerSettings) {
        self.family = family
        self.settings = settings
        nodePortAddresses = settings.nodePortAddresses(family)
        marks = InternalMarks(masqueradeBit: settings.masqueradeBit)
        let rules = IPVSRules(family: family, settings: settings, internalField: marks.field)
        let sets = NameScheme.SetRole.allCases.map { $0.emptySet(family) }
        plan = IPVSState(
            iptables: rules.state,
            sets: Dictionary(uniqueKeysWithValues: sets.map { ($0.name, $0) })
        )
        if settings.bindsServiceRanges {
            plan.binding.ranges = Set(settings.serviceCIDRs(family))
        }
    }

    /// The rules that keep neighbours out of 127.0.0.0/8 are in the plan: `route_localnet`, which another mode needed, is
    /// still on. To be set before Services are planned.
    package var keepsLocalhostGuard = false

    /// The plan has the rules that keep neighbours out of 127.0.0.0/8.
    package var plansLocalhostGuard: Bool {
        plan.iptables.filter.chains[StaticChains.localhostGuard] != nil
    }

    /// What could not be planned, sorted.
    package var issues: [PlanIssue] { claims.issues }

    /// Plans the named Services anew and returns what that changes.
    package mutating func plan(_ names: [ServiceName], of desired: DesiredState) -> IPVSDiff {
        if claims.isEmpty { reserve(names.count) }
        let moved = updateMarks(names, desired)
        var touched: Set<FrontendKey> = []
        touched.reserveCapacity(names.count + moved.count)
        for name in names + moved {
            claims.withdraw(name, &touched)
            if let service = desired.services[name] { place(service, &touched) }
        }
        return commit(touched)
    }

    private mutating func reserve(_ services: Int) {
        claims.reserve(services: services, frontends: services)
        winners.reserveCapacity(services)
        plan.servers.reserveCapacity(services)
        boundFrontends.reserveCapacity(services)
        plan.binding.addresses.reserveCapacity(services)
    }

    /// Gives marks to the ports that need one now; returns the other Services whose marks that moves.
    private mutating func updateMarks(
        _ names: [ServiceName],
        _ desired: DesiredState
    ) -> [ServiceName] {
        var old: Set<ServicePortName> = []
        var new: Set<ServicePortName> = []
        for name in names {
            for claim in claims.claims(of: name) where claim.content.handling.internalMark != nil {
                old.insert(claim.owner)
            }
            for port in desired.services[name]?.ports ?? [] where port.separatesInternalClients {
                new.insert(port.name)
            }
        }
        if old.isEmpty, new.isEmpty { return [] }
        let moved = marks.update(removing: old, adding: new).map(\.service)
        return Set(moved).subtracting(names).sorted()
    }

    private mutating func place(
        _ service: ServiceState,
        _ touched: inout Set<FrontendKey>
    ) {
        let servers = ServiceServers(
            service,
            family: family,
            settings: settings,
            nodePortAddresses: nodePortAddresses,
            marks: marks
        )
        claims.enter(servers.claims, of: service.name, issues: servers.issues, &touched)
    }

    /// Puts the winners of the touched frontends into the plan and returns what really differs.
    private mutating func commit(_ touched: Set<FrontendKey>) -> IPVSDiff {
        var change = PlanChange(expecting: touched.count)
        for frontend in touched {
            let old = winners[frontend]
            let new = claims.winner(of: frontend)
            guard old != new else {
                // Equal for the kernel, but its title may be new.
                if let server = new?.content.server {
                    plan.servers[server.key]?.title = server.title
                }
                continue
            }
            winners[frontend] = new
            if let key = (new ?? old)?.content.server?.key {
                replaceServer(key, with: new?.content.server, &change)
            }
            change.exchangeEntries(of: old, for: new)
            exchangeAddress(of: old, for: new, &change)
        }
        return apply(change)
    }

    /// What a pass wants to be different, keyed so that the last value counts.
    private struct PlanChange {
        var servers: [VirtualServer.Key: [VirtualServerChange]] = [:]
        var entries: [NameScheme.SetRole: [IPSetEntry: UInt32?]] = [:]
        var addresses: Set<IPAddress> = []

        /// With room for so many frontends.
        init(expecting count: Int) {
            servers.reserveCapacity(count)
            addresses.reserveCapacity(count)
            for role in [NameScheme.SetRole.services, .addresses, .clusterIPs] {
                entries[role] = Dictionary(minimumCapacity: count)
            }
        }

        mutating func exchangeEntries(
            of old: FrontendClaim<FrontendServer>?,
            for new: FrontendClaim<FrontendServer>?
        ) {
            old?.forEachEntry { role, entry, _ in
                entries[role, default: [:]][entry] = .some(nil)
            }
            new?.forEachEntry { entries[$0, default: [:]][$1] = .some($2) }
        }
    }

    private mutating func replaceServer(
        _ key: VirtualServer.Key,
        with server: VirtualServer?,
        _ change: inout PlanChange
    ) {
        change.servers[key] = VirtualServerChange.changes(from: plan.servers[key], to: server)
        plan.servers[key] = server
    }

    private mutating func exchangeAddress(
        of old: FrontendClaim<FrontendServer>?,
        for new: FrontendClaim<FrontendServer>?,
        _ change: inout PlanChange
    ) {
        let (before, after) = (old?.boundAddress, new?.boundAddress)
        guard before != after else { return }
        for (address, step) in [(before, -1), (after, 1)] {
            guard let address else { continue }
            let count = (boundFrontends[address] ?? 0) + step
            boundFrontends[address] = count == 0 ? nil : count
            change.addresses.insert(address)
        }
    }

    private mutating func apply(_ change: PlanChange) -> IPVSDiff {
        var entries = change.entries
        var bound: [AddressChange] = []
        var unbound: [AddressChange] = []
        for address in change.addresses.sorted() {
            let isWanted = boundFrontends[address] != nil
            entries[.addresses, default: [:]][.address(address)] = .some(isWanted ? 0 : nil)
            guard !plan.binding.ranges.contains(where: { $0.contains(address) }) else { continue }
            if isWanted, plan.binding.addresses.insert(address).inserted {
                bound.append(.add(address))
            } else if !isWanted, plan.binding.addresses.remove(address) != nil {
                unbound.append(.remove(address))
            }
        }
        var sets: [IPSetChange] = []
        for (role, wanted) in entries {
            let name = NameScheme.set(role, family)
            if let change = plan.sets[name]?.replaceEntries(wanted) { sets.append(change) }
        }
        return IPVSDiff(
            sets: sets.sorted { $0.name < $1.name },
            iptables: guardLocalhost(),
            servers: change.servers.sorted { $0.key < $1.key }.flatMap(\.value),
            addresses: bound + unbound
        )
    }

    private mutating func guardLocalhost() -> IPTablesDiff {
        guard keepsLocalhostGuard != plansLocalhostGuard else { return IPTablesDiff(tables: []) }
        let rules = IPVSRules(
            family: family,
            settings: settings,
            internalField: marks.field,
            guardsLocalhost: keepsLocalhostGuard
        ).state
        defer { plan.iptables = rules }
        return IPTablesDiff(from: plan.iptables, to: rules)
    }
}

extension IPVSPlanner: Planner {}

extension IPVSDiff: PlanDiff {
    package var countByObject: [ChangedObject: Int] {
        var counts = iptables.countByObject
        counts[.set] = sets.reduce(0) { $0 + $1.count }
        counts[.server] = servers.reduce(0) { $0 + $1.count }
        counts[.address] = addresses.count
        return counts
    }
}

extension NameScheme.SetRole {
    fileprivate func emptySet(_ family: IPFamily) -> IPSet {
        let (kind, title): (IPSetKind, String) =
            switch self {
            case .services: (.frontend, "every frontend of a Service")
            case .addresses: (.address, "Service addresses bound to this node")
            case .clusterIPs: (.frontend, "ClusterIPs: masqueraded unless from a local pod")
            case .masqueraded: (.frontend, "always masqueraded")
            case .internalClients: (.frontend, "policy Local, with the mark for clients inside")
            case .dropped: (.frontend, "endpoints elsewhere only")
            case .sourceRestricted: (.frontend, "only for some sources")
            case .allowed: (.frontendSource, "the sources that may connect")
            case .healthChecks: (.port, "health check node ports")
            }
        return IPSet(
            NameScheme.set(self, family),
            kind: kind,
            family: family,
            carriesMarks: self == .internalClients,
            title: title
        )
    }
}
