import ServiceModel

/// What the sources brought since the last pass, merged: the newest snapshot and every Service that
/// changed on the way to it.
struct PendingUpdate {
    private(set) var snapshot = ServiceSnapshot()
    private var changed = ChangedServices.some([])

    /// Adds what a source brought.
    mutating func merge(_ update: SnapshotUpdate) {
        snapshot = update.snapshot
        changed = changed.union(update.changed)
    }

    /// Hands over what a pass has to look at; the pass keeps what it could not apply itself.
    mutating func take() -> SnapshotUpdate {
        defer { changed = .some([]) }
        return SnapshotUpdate(snapshot: snapshot, changed: changed)
    }

    /// Everything has to be looked at again, because settings changed.
    mutating func invalidate() {
        changed = .all
    }
}
