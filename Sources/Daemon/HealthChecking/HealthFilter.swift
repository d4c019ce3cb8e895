package import ServiceModel

/// Between what the sources say and what is planned: endpoints found unhealthy are neither ready nor
/// serving.
///
/// Pure. An update or a change of health costs what it touches, whatever the snapshot holds.
package struct HealthFilter: Sendable {
    /// As the sources gave it.
    package private(set) var raw = ServiceSnapshot()
    private var index = TargetIndex()
    private var unhealthy: Set<HealthTarget> = []
    private var panics: [ServiceName: Set<ServicePortName>] = [:]
    /// As it goes on to planning.
    package private(set) var snapshot = ServiceSnapshot()

    package init() {}

    /// What an update becomes, and what is to be probed from now on or no longer.
    package struct Filtered: Sendable {
        package var update: SnapshotUpdate
        package var targets: TargetChanges
    }

    /// Service ports that have endpoints and not one that is healthy, in some family; sorted. What
    /// becomes of them the Service's `panic` says.
    package var withoutHealthyEndpoint: [ServicePortName] { panics.values.joined().sorted() }

    /// The Services whose endpoints a target stands for, sorted.
    package func services(using target: HealthTarget) -> [ServiceName] {
        index.services(using: target).sorted()
    }

    /// Takes in what the sources brought.
    package mutating func take(_ update: SnapshotUpdate) -> Filtered {
        raw = update.snapshot
        snapshot.services = raw.services
        snapshot.issues = raw.issues
        snapshot.revision += 1
        let changes: TargetChanges
        switch update.changed {
        case .all:
            let names = Set(raw.services.keys).union(raw.slices.keys)
            changes = index.update(names.union(index.services), in: raw)
            snapshot.slices = raw.slices
            panics = [:]
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

    /// Takes in what probes found; nil if nothing comes of it.
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

    /// Filters the named Services' slices anew; those that differ.
    @discardableResult
    private mutating func rebuild(_ names: Set<ServiceName>) -> Set<ServiceName> {
        names.filter { name in
            panics[name] = nil
            var slices = raw.slices[name]
            if let service = raw.services[name], let check = service.effectiveCheck,
                let found = slices, !unhealthy.isDisjoint(with: index.targets(of: name))
            {
                var filter = SliceFilter(service: service, check: check, unhealthy: unhealthy)
                slices = filter.apply(to: found)
                if !filter.panics.isEmpty { panics[name] = filter.panics }
            }
            guard snapshot.slices[name] != slices else { return false }
            snapshot.slices[name] = slices
            return true
        }
    }
}
