/// Everything the sources know at one moment: whole state, never events.
///
/// The maps share what two snapshots have in common, so that keeping one while the next is made
/// copies the difference only.
package struct ServiceSnapshot: Sendable, Equatable {
    /// Grows with every change of the content.
    package var revision: UInt64
    package var services: ServiceMap<Service>
    /// Slices by Service, sorted by slice name. A Service's slices may be here before it is.
    package var slices: ServiceMap<[EndpointSlice]>
    /// What could not be used, sorted.
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

/// A snapshot and which Services differ from the one before it.
///
/// `changed` lets a pass plan only what changed. It may name too much, never too little.
package struct SnapshotUpdate: Sendable {
    package var snapshot: ServiceSnapshot
    package var changed: ChangedServices
    /// How the objects went that are no longer there.
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

/// The Services a pass has to look at.
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
