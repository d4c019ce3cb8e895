import ServiceModel

/// Targets that were added and removed.
package struct TargetChanges: Sendable, Equatable {
    package var added: Set<HealthTarget> = []
    package var removed: Set<HealthTarget> = []

    package init() {}

    package var isEmpty: Bool { added.isEmpty && removed.isEmpty }
}

/// Targets by Service and Services by target. The cost of a change depends on its size.
struct TargetIndex {
    private var targets: [ServiceName: Set<HealthTarget>] = [:]
    private var users: [HealthTarget: Set<ServiceName>] = [:]

    /// The Services that have targets.
    var services: some Collection<ServiceName> { targets.keys }

    func services(using target: HealthTarget) -> Set<ServiceName> { users[target] ?? [] }

    func targets(of name: ServiceName) -> Set<HealthTarget> { targets[name] ?? [] }

    func contains(_ target: HealthTarget) -> Bool { users[target] != nil }

    /// Recomputes the targets of the named Services.
    mutating func update(
        _ names: Set<ServiceName>,
        in snapshot: ServiceSnapshot
    ) -> TargetChanges {
        var changes = TargetChanges()
        for name in names {
            let old = targets[name] ?? []
            let new = Self.targets(snapshot.services[name], snapshot.slices[name])
            guard new != old else { continue }
            targets[name] = new.isEmpty ? nil : new
            for target in new.subtracting(old) {
                if users[target] == nil { changes.added.insert(target) }
                users[target, default: []].insert(name)
            }
            for target in old.subtracting(new) {
                users[target]?.remove(name)
                guard users[target]?.isEmpty == true else { continue }
                users[target] = nil
                changes.removed.insert(target)
            }
        }
        // A target that moves from one Service to another was never removed.
        let moved = changes.added.intersection(changes.removed)
        changes.added.subtract(moved)
        changes.removed.subtract(moved)
        return changes
    }

    private static func targets(
        _ service: Service?,
        _ slices: [EndpointSlice]?
    ) -> Set<HealthTarget> {
        guard let service, let check = service.effectiveCheck, let slices else { return [] }
        var targets: Set<HealthTarget> = []
        for slice in slices {
            let ports = slice.ports.filter(service.has)
            for endpoint in slice.endpoints where endpoint.isUsable {
                for port in ports {
                    if let target = check.target(endpoint, port, in: slice) {
                        targets.insert(target)
                    }
                }
            }
        }
        return targets
    }
}
