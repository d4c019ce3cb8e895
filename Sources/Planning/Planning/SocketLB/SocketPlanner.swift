package import Addressing
package import DataplaneModel
package import ServiceModel

/// Plans what the socket programs of one family look up, beside the rules of any mode: pure, total,
/// and incremental.
///
/// The plan after any sequence of changes equals the plan made at once from the last state. Without
/// `PlannerSettings.socketLB` it is empty.
package struct SocketPlanner: Sendable {
    package let family: IPFamily
    package let settings: PlannerSettings
    /// The whole wanted state.
    package private(set) var plan = SocketState()

    /// So many numbers that two keys hardly ever want the same.
    private var numbers = NumberTable<EndpointGroupKey>(count: 1 << 31 - 1) { $0.hash }
    private var services: [ServiceName: [NumberedGroup]] = [:]
    private var claims = FrontendClaims<SocketAction>()

    /// A plan without Services.
    package init(family: IPFamily, settings: PlannerSettings) {
        self.family = family
        self.settings = settings
        plan.nodeAddresses = settings.socketNodeAddresses(family)
    }

    /// None: what the socket level does not take on, the mode's rules do, and these have the same
    /// contests.
    package var issues: [PlanIssue] { [] }

    /// The claim to each frontend that has it.
    var winners: some Collection<FrontendClaim<SocketAction>> { claims.winners }

    /// The Service port whose group has that number.
    func groupOwner(_ number: UInt32) -> ServicePortName? { numbers.key(of: number)?.port }

    package mutating func plan(_ names: [ServiceName], of desired: DesiredState) -> SocketDiff {
        change(names, desired).diff(to: plan)
    }

    package mutating func load(_ names: [ServiceName], of desired: DesiredState) {
        guard services.isEmpty, claims.isEmpty, let level = settings.socketLB else {
            _ = change(names, desired)
            return
        }
        // Nothing is there that could change, so none of it is looked up or kept.
        loadNumbers(names, desired, level)
        reserve(names.count)
        for name in names {
            guard let service = desired.services[name] else { continue }
            let built = ServiceSockets(service, level: level, numbers: numbers.numbers)
            guard !built.claims.isEmpty else { continue }
            for group in built.groups { plan.groups[group.number] = group.group }
            claims.load(built.claims, of: name)
            services[name] = built.groups
        }
        for claim in claims.winners {
            guard let frontend = SocketFrontend(claim.key) else { continue }
            plan.frontends[frontend] = claim.content
        }
    }

    /// No other Service has a number that could move.
    private mutating func loadNumbers(
        _ names: [ServiceName],
        _ desired: DesiredState,
        _ level: SocketLBSettings
    ) {
        let ports = names.lazy.compactMap { desired.services[$0]?.ports }.joined()
        numbers.load(ports.flatMap { ServiceSockets.keys($0, level) })
    }

    /// What was there before, wherever the plan may have changed.
    private struct Former {
        var frontends: [FrontendKey: FrontendClaim<SocketAction>?] = [:]
        var groups: [UInt32: SocketGroup?] = [:]

        /// The order is that of `SocketDiff`.
        func diff(to plan: SocketState) -> SocketDiff {
            var diff = SocketDiff()
            for (key, old) in frontends {
                guard let frontend = SocketFrontend(key) else { continue }
                let action = plan.frontends[frontend]
                guard action != old?.content else { continue }
                if let action {
                    diff.setFrontends.append(
                        SocketDiff.FrontendChange(frontend, from: old?.content, to: action)
                    )
                } else {
                    diff.removedFrontends.append(frontend)
                }
            }
            diff.groups = groups.keys.sorted().compactMap { number in
                let change = SocketDiff.GroupChange(
                    number: number,
                    old: groups[number] ?? nil,
                    new: plan.groups[number]
                )
                return change.old == change.new ? nil : change
            }
            diff.sort()
            return diff
        }
    }

    private mutating func change(_ names: [ServiceName], _ desired: DesiredState) -> Former {
        guard let level = settings.socketLB else { return Former() }
        let moved = updateNumbers(names, desired, level)
        var former = Former()
        if services.isEmpty {
            reserve(names.count)
            former.frontends.reserveCapacity(names.count)
            former.groups.reserveCapacity(names.count)
        }
        for name in names + moved { withdraw(name, &former) }
        for name in names + moved {
            if let service = desired.services[name] { place(service, level, &former) }
        }
        for key in former.frontends.keys {
            guard let frontend = SocketFrontend(key) else { continue }
            plan.frontends[frontend] = claims.winner(of: key)?.content
        }
        return former
    }

    private mutating func reserve(_ count: Int) {
        services.reserveCapacity(count)
        claims.reserve(services: count, frontends: count)
        plan.frontends.reserveCapacity(count)
        plan.groups.reserveCapacity(count)
    }

    /// Numbers the present groups; returns the other Services whose numbers that moves.
    private mutating func updateNumbers(
        _ names: [ServiceName],
        _ desired: DesiredState,
        _ level: SocketLBSettings
    ) -> [ServiceName] {
        if services.isEmpty {
            loadNumbers(names, desired, level)
            return []
        }
        var old: Set<EndpointGroupKey> = []
        var new: Set<EndpointGroupKey> = []
        for name in names {
            old.formUnion(services[name]?.map(\.key) ?? [])
            for port in desired.services[name]?.ports ?? [] {
                new.formUnion(ServiceSockets.keys(port, level))
            }
        }
        if old == new { return [] }
        let moved = numbers.update(removing: old, adding: new).map(\.port.service)
        return Set(moved).subtracting(names).sorted()
    }

    private mutating func withdraw(_ name: ServiceName, _ former: inout Former) {
        claims.withdraw(name, former: &former.frontends)
        for group in services.removeValue(forKey: name) ?? [] { set(group.number, nil, &former) }
    }

    private mutating func place(
        _ service: ServiceState,
        _ level: SocketLBSettings,
        _ former: inout Former
    ) {
        let built = ServiceSockets(service, level: level, numbers: numbers.numbers)
        guard !built.claims.isEmpty else { return }
        for group in built.groups { set(group.number, group.group, &former) }
        claims.enter(
            built.claims,
            of: service.name,
            issues: [],
            former: &former.frontends
        )
        services[service.name] = built.groups
    }

    private mutating func set(_ number: UInt32, _ group: SocketGroup?, _ former: inout Former) {
        if former.groups[number] == nil { former.groups[number] = .some(plan.groups[number]) }
        plan.groups[number] = group
    }
}

extension SocketPlanner: Planner {}

extension SocketDiff: PlanDiff {
    package var countByObject: [ChangedObject: Int] {
        [
            .frontend: setFrontends.count + removedFrontends.count,
            .group: groups.count,
            .address: addedNodeAddresses.count + removedNodeAddresses.count,
            .program: attaches ? 1 : 0,
        ]
    }
}

extension SocketFrontend {
    /// Nil for what programs do not look up.
    init?(_ key: FrontendKey) {
        switch key {
        case .address(let socket, let transport):
            self.init(address: socket.address, port: socket.port, transport: transport)
        case .nodePort(let port, let transport):
            self.init(address: nil, port: port, transport: transport)
        case .healthCheck, .remainder, .mark: return nil
        }
    }
}
