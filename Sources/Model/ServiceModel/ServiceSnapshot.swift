/// The complete state of the sources at one moment, never events.
///
/// The maps of two snapshots share structure, so keeping one while the next is built copies only
/// the difference.
package struct ServiceSnapshot: Sendable, Equatable {
    /// Increases with every change of the content.
    package var revision: UInt64
    package var services: ServiceMap<Service>
    /// Slices by Service, sorted by slice name. A Service's slices may arrive before the Service.
    package var slices: ServiceMap<[EndpointSlice]>
    /// Issues of the input, sorted.
    package var issues: [ObjectIssue]

    package init(
        revision: UInt64 = 0,
        services: ServiceMap<Service> = [:],
        slices: ServiceMap<[EndpointSlice]> = [:],
        issues: [ObjectIssue] = []
    ) {
        self.revision = revision
        self.services = services
        self.slices = slices
        self.issues = issues
    }
}

/// A snapshot, and which Services differ from the previous one.
///
/// `changed` allows a pass to plan only what changed. It may name too many Services, never too few.
package struct SnapshotUpdate: Sendable {
    package var snapshot: ServiceSnapshot
    package var changed: ChangedServices
    /// How removed objects were removed.
    package var removals: Removals

    package init(
        snapshot: ServiceSnapshot,
        changed: ChangedServices,
        removals: Removals = Removals()
    ) {
        self.snapshot = snapshot
        self.changed = changed
        self.removals = removals
    }
}

/// The Services a pass has to plan.
package enum ChangedServices: Sendable, Equatable {
    case all
    case some(Set<ServiceName>)

    /// The Services of both.
    package func union(_ other: ChangedServices) -> ChangedServices {
        guard case .some(let mine) = self, case .some(let others) = other else { return .all }
        return .some(mine.union(others))
    }

    package var isEmpty: Bool { self == .some([]) }
}
