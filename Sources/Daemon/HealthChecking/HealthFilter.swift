package import ServiceModel

/// The stage between sources and planning that marks unhealthy endpoints as neither ready nor
/// serving.
///
/// Pure. The cost of an update or a changed verdict depends on what it touches, not on the size of
/// the snapshot.
package struct HealthFilter: Sendable {
    /// As received from the sources.
    package private(set) var raw = ServiceSnapshot()
    private var index = TargetIndex()
    private var unhealthy: Set<HealthTarget> = []
    private var unhealthyPorts: [ServiceName: Set<ServicePortName>] = [:]
    /// As passed on to planning.
    package private(set) var snapshot = ServiceSnapshot()

    package init() {}

    /// The filtered update, and the targets to start and stop probing.
    package struct Filtered: Sendable {
        package var update: SnapshotUpdate
        package var targets: TargetChanges
    }

    /// Service ports that have endpoints but no healthy one, in some family; sorted. The Service's
    /// `panic` field decides what happens to them.
    package var withoutHealthyEndpoint: [ServicePortName] {
        unhealthyPorts.values.joined().sorted()
    }

    /// The Services whose endpoints share a target, sorted.
    package func services(using target: HealthTarget) -> [ServiceName] {
        index.services(using: target).sorted()
    }

    /// Filters an update of the sources.
    package mutating func take(_ update: SnapshotUpdate) -> Filtered {
        raw = update.snapshot
        snapshot.services = raw.services
        snapshot.issues = raw.issues
        snapshot.revision += 1
        let changes: TargetChanges
        switch update.changed {
        case .all:
            var names = Set(index.services)
            for (name, service) in raw.services where service.effectiveCheck != nil {
                names.insert(name)
            }
            changes = index.update(names, in: raw)
            snapshot.slices = raw.slices
            unhealthyPorts = [:]
            forget(changes.removed)
            rebuild(Set(index.services))
        case .some(let names):
            changes = index.update(names, in: raw)
            forget(changes.removed)
            rebuild(names)
        }
        return Filtered(
            update: SnapshotUpdate(snapshot: snapshot, changed: update.changed),
            targets: changes
        )
    }

    /// Applies changed verdicts; nil if the snapshot stays the same.
    package mutating func apply(_ changes: [HealthChange]) -> SnapshotUpdate? {
        var names: Set<ServiceName> = []
        for change in changes where index.contains(change.target) {
            let differs =
                change.isHealthy
                ? unhealthy.remove(change.target) != nil
                : unhealthy.insert(change.target).inserted
            if differs { names.formUnion(index.services(using: change.target)) }
        }
        let changed = rebuild(names)
        guard !changed.isEmpty else { return nil }
        snapshot.revision += 1
        return SnapshotUpdate(snapshot: snapshot, changed: .some(changed))
    }

    private mutating func forget(_ targets: Set<HealthTarget>) {
        unhealthy.subtract(targets)
    }

    /// Filters the named Services' slices again; returns those that differ.
    @discardableResult
    private mutating func rebuild(_ names: Set<ServiceName>) -> Set<ServiceName> {
        names.filter { name in
            unhealthyPorts[name] = nil
            var slices = raw.slices[name]
            if let service = raw.services[name], let check = service.effectiveCheck,
                let found = slices, !unhealthy.isDisjoint(with: index.targets(of: name))
            {
                var filter = SliceFilter(service: service, check: check, unhealthy: unhealthy)
                slices = filter.apply(to: found)
                if !filter.unhealthyPorts.isEmpty { unhealthyPorts[name] = filter.unhealthyPorts }
            }
            guard snapshot.slices[name] != slices else { return false }
            snapshot.slices[name] = slices
            return true
        }
    }
}
