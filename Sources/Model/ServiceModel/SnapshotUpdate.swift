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

    /// Joins the next update to this one. The result names the changes of both, and for each removed
    /// object how the update that removed it said it was removed, named or not.
    package mutating func join(_ later: SnapshotUpdate) {
        let unnamed = later.changed == .all ? Removals.Kind.missing : .deleted
        for name in later.changed.names(snapshot, later.snapshot) {
            if snapshot.services[name] != nil, later.snapshot.services[name] == nil {
                removals.note(name, unnamed)
            }
            let present = Set((later.snapshot.slices[name] ?? []).map(\.name))
            for slice in snapshot.slices[name] ?? [] where !present.contains(slice.name) {
                removals.note(slice: slice.name, of: name, unnamed)
            }
        }
        removals.merge(later.removals)
        snapshot = later.snapshot
        changed.formUnion(later.changed)
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

    /// Adds those of `other`; the work grows with `other`.
    package mutating func formUnion(_ other: ChangedServices) {
        guard case .some(var mine) = self, case .some(let others) = other else {
            self = .all
            return
        }
        // The only owner of the set changes it in place.
        self = .all
        mine.formUnion(others)
        self = .some(mine)
    }

    package var isEmpty: Bool { self == .some([]) }

    /// Those that may differ between two snapshots.
    package func names(_ old: ServiceSnapshot, _ new: ServiceSnapshot) -> Set<ServiceName> {
        guard case .some(let names) = self else {
            return Set(old.services.keys).union(old.slices.keys).union(new.services.keys)
                .union(new.slices.keys)
        }
        return names
    }
}
