package import Addressing
package import ServiceModel

/// What this node offers in one family, kept up to date Service by Service.
package struct DesiredState: Sendable, Equatable {
    package let family: IPFamily
    package let settings: PlannerSettings
    package private(set) var services: [ServiceName: ServiceState] = [:]

    package init(family: IPFamily, settings: PlannerSettings) {
        self.family = family
        self.settings = settings
    }

    /// Selects anew for the Services that `update` names and returns those whose state really
    /// changed, sorted. Work grows with the change, not with the cluster.
    package mutating func select(_ update: SnapshotUpdate) -> [ServiceName] {
        let snapshot = update.snapshot
        let candidates: [ServiceName] =
            switch update.changed {
            case .all: Set(services.keys).union(snapshot.services.keys).sorted()
            case .some(let names): names.sorted()
            }
        return candidates.filter { name in
            let state = snapshot.services[name].flatMap {
                ServiceState(
                    $0,
                    slices: snapshot.slices[name] ?? [],
                    family: family,
                    settings: settings
                )
            }
            guard state != services[name] else { return false }
            services[name] = state
            return true
        }
    }
}
