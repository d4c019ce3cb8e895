package import ServiceModel

/// Merges the snapshots of several sources.
///
/// If two sources have a Service of the same name, the whole Service, endpoints included, comes
/// from the first source in order of `ServiceOrigin`, which is also the `origin` that the source gave
/// it; the other is reported as an issue. Frontends claimed by Services of different names are resolved by
/// planning, in the same order.
///
/// Pure. The cost of an update depends on what it changes, not on the size of the snapshots.
package struct SnapshotMerger: Sendable {
    private let fileSource: String
    private var latest: [ServiceOrigin: ServiceSnapshot] = [:]
    private var expected: Set<ServiceOrigin>
    /// Names in files that the cluster also has.
    private var clashes: Set<ServiceName> = []
    package private(set) var snapshot = ServiceSnapshot()

    /// - Parameters:
    ///   - origins: the configured sources; there is no update until all have reported.
    ///   - fileSource: the source named in issues about files, such as the directory.
    package init(_ origins: Set<ServiceOrigin>, fileSource: String) {
        expected = origins
        self.fileSource = fileSource
    }

    /// The sources that have not reported yet.
    package var missing: [ServiceOrigin] { expected.filter { latest[$0] == nil }.sorted() }

    /// Merges an update of one source; nil until all sources have reported.
    package mutating func take(
        _ update: SnapshotUpdate,
        from origin: ServiceOrigin
    ) -> SnapshotUpdate? {
        let wasComplete = missing.isEmpty
        let before = latest.updateValue(update.snapshot, forKey: origin) ?? ServiceSnapshot()
        guard missing.isEmpty else { return nil }
        guard wasComplete else {
            if let only {
                use(only)
                if !only.services.isEmpty || !only.slices.isEmpty { snapshot.revision += 1 }
            } else {
                rebuild(latest.values.reduce(into: []) { $0.formUnion($1.names) })
            }
            return SnapshotUpdate(snapshot: snapshot, changed: .all)
        }
        let candidates: Set<ServiceName> =
            switch update.changed {
            case .all: before.names.union(update.snapshot.names)
            case .some(let names): names
            }
        let removals = removals(in: update, over: before, candidates, from: origin)
        let changed = merge(candidates)
        return SnapshotUpdate(snapshot: snapshot, changed: .some(changed), removals: removals)
    }

    /// The removals of the update that take effect: not those of a Service that the other source
    /// provides. Call before the Services are rebuilt.
    private func removals(
        in update: SnapshotUpdate,
        over before: ServiceSnapshot,
        _ names: Set<ServiceName>,
        from origin: ServiceOrigin
    ) -> Removals {
        var removals = Removals()
        if update.changed == .all {
            for name in names { removals.noteMissing(name, in: update.snapshot, over: before) }
        }
        removals.merge(update.removals)
        return removals.filter { name in
            snapshot.services[name].map { $0.origin == origin } ?? true
        }
    }

    /// The snapshot of the only source that has Services or slices; nil if several have. Its maps are then
    /// used as they are, so that they exist once.
    private var only: ServiceSnapshot? {
        let filled = latest.values.filter { !$0.services.isEmpty || !$0.slices.isEmpty }
        return filled.count > 1 ? nil : filled.first ?? ServiceSnapshot()
    }

    private mutating func use(_ only: ServiceSnapshot) {
        clashes = []
        snapshot.services = only.services
        snapshot.slices = only.slices
        snapshot.issues = latest.values.flatMap(\.issues).sorted()
    }

    /// Merges the named Services, which include all that differ; returns those that do.
    private mutating func merge(_ names: Set<ServiceName>) -> Set<ServiceName> {
        guard let only else { return rebuild(names) }
        let changed = names.filter {
            snapshot.services[$0] != only.services[$0] || snapshot.slices[$0] != only.slices[$0]
        }
        use(only)
        if !changed.isEmpty { snapshot.revision += 1 }
        return changed
    }

    /// Rebuilds the named Services; returns those that differ.
    @discardableResult
    private mutating func rebuild(_ names: Set<ServiceName>) -> Set<ServiceName> {
        let sources = ServiceOrigin.allCases.compactMap { origin in
            latest[origin].map { (origin: origin, snapshot: $0) }
        }
        let changed = names.filter { name in
            noteClash(name)
            let holders = sources.map(\.snapshot).filter {
                $0.services[name] != nil || $0.slices[name] != nil
            }
            let owner = sources.first { $0.snapshot.services[name] != nil }
            let service = owner?.snapshot.services[name]
            let slices = (owner?.snapshot ?? holders.first)?.slices[name]
            guard snapshot.services[name] != service || snapshot.slices[name] != slices else {
                return false
            }
            snapshot.services[name] = service
            snapshot.slices[name] = slices
            return true
        }
        snapshot.issues = (sources.flatMap(\.snapshot.issues) + clashes.map(issue)).sorted()
        if !changed.isEmpty { snapshot.revision += 1 }
        return changed
    }

    private mutating func noteClash(_ name: ServiceName) {
        let isInCluster = latest[.cluster]?.services[name] != nil
        let files = latest[.files]
        let isInFiles = files?.services[name] != nil || files?.slices[name] != nil
        if isInCluster && isInFiles { clashes.insert(name) } else { clashes.remove(name) }
    }

    private func issue(_ name: ServiceName) -> ObjectIssue {
        let what =
            latest[.files]?.services[name] == nil
            ? "these endpoints are ignored" : "this one is ignored"
        return ObjectIssue(
            source: fileSource,
            object: name.description,
            reason: "the cluster has a Service of this name, which is used; \(what)",
            service: name
        )
    }
}

extension Removals {
    /// Records what is in the second snapshot's Service but not in the first's as missing.
    fileprivate mutating func noteMissing(
        _ name: ServiceName,
        in snapshot: ServiceSnapshot,
        over before: ServiceSnapshot
    ) {
        if before.services[name] != nil, snapshot.services[name] == nil { note(name, .missing) }
        let present = Set((snapshot.slices[name] ?? []).map(\.name))
        for slice in before.slices[name] ?? [] where !present.contains(slice.name) {
            note(slice: slice.name, of: name, .missing)
        }
    }
}

extension ServiceSnapshot {
    fileprivate var names: Set<ServiceName> { Set(services.keys).union(slices.keys) }
}
