package import Addressing
package import ServiceModel

/// What this node offers in one family, kept up to date Service by Service.
package struct DesiredState: Sendable, Equatable {
    package let family: IPFamily
    package let settings: PlannerSettings
    package private(set) var services: [ServiceName: ServiceState] = [:]
    /// Counts of all of them.
    package private(set) var tally = ServiceTally()

    package init(family: IPFamily, settings: PlannerSettings) {
        self.family = family
        self.settings = settings
    }

    /// Selects anew for the Services that `update` names and returns those whose state really
    /// changed, sorted. Work grows with the change, not with the cluster.
    package mutating func select(_ update: SnapshotUpdate) -> [ServiceName] {
        let snapshot = update.snapshot
        switch update.changed {
        case .all: return selectAll(snapshot).sorted()
        case .some(let names):
            return names.filter { name in
                set(state(snapshot.services[name], in: snapshot), of: name)
            }.sorted()
        }
    }

    /// The same for all Services, without looking each up; unsorted.
    private mutating func selectAll(_ snapshot: ServiceSnapshot) -> [ServiceName] {
        var changed: [ServiceName] = []
        for name in services.keys.filter({ snapshot.services[$0] == nil }) where set(nil, of: name)
        {
            changed.append(name)
        }
        for (name, service) in snapshot.services where set(state(service, in: snapshot), of: name) {
            changed.append(name)
        }
        return changed
    }

    private func state(_ service: Service?, in snapshot: ServiceSnapshot) -> ServiceState? {
        guard let service, service.families.contains(family) else { return nil }
        return ServiceState(
            service,
            slices: snapshot.slices[service.name] ?? [],
            family: family,
            settings: settings
        )
    }

    /// False if the state of the Service was the same before.
    private mutating func set(_ state: ServiceState?, of name: ServiceName) -> Bool {
        if services.isEmpty, state == nil { return false }
        let old = services[name]
        guard state != old else { return false }
        services[name] = state
        tally.replace(old, by: state, name)
        return true
    }
}
