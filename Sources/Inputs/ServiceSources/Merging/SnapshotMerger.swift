package import ServiceModel

/// The snapshots of several sources as one.
///
/// Of a Service that two sources know by one name the whole Service, endpoints included, is taken
/// from the first source in order of `ServiceOrigin`; that the other's is left out is an issue.
/// Each Service's `origin` is set here. Frontends that Services of different names claim are settled by planning, in the same order.
///
/// Pure. An update costs what it changes, whatever the sources hold.
package struct SnapshotMerger: Sendable {
    private let fileSource: String
    private var latest: [ServiceOrigin: ServiceSnapshot] = [:]
    private var expected: Set<ServiceOrigin>
    /// Names that files hold and the cluster's Service has.
    private var clashes: Set<ServiceName> = []
    package private(set) var snapshot = ServiceSnapshot()

    /// - Parameters:
    ///   - origins: the sources that there are; all have to report before there is an update.
    ///   - fileSource: what issues about files name as their source, such as the directory.
    package init(_ origins: Set<ServiceOrigin>, fileSource: String) {
        expected = origins
        self.fileSource = fileSource
    }

    /// Those of the sources that have not reported yet.
    package var missing: [ServiceOrigin] { expected.filter { latest[$0] == nil }.sorted() }

    /// Takes in what a source brought; nil as long as another has not reported.
    package mutating func take(
        _ update: SnapshotUpdate,
        from origin: ServiceOrigin
    ) -> SnapshotUpdate? {
        let wasComplete = missing.isEmpty
        let before = latest.updateValue(update.snapshot, forKey: origin) ?? ServiceSnapshot()
        guard missing.isEmpty else { return nil }
        guard wasComplete else {
            rebuild(latest.values.reduce(into: []) { $0.formUnion($1.names) })
            return SnapshotUpdate(snapshot: snapshot, changed: .all)
        }
        let candidates: Set<ServiceName> =
            switch update.changed {
            case .all: before.names.union(update.snapshot.names)
            case .some(let names): names
            }
        let removals = removals(in: update, over: before, candidates, from: origin)
        let changed = rebuild(candidates)
        return SnapshotUpdate(snapshot: snapshot, changed: .some(changed), removals: removals)
    }

    /// What the update says of objects that count: those of a Service that is the other source's
    /// are left out. To be asked before the Services are put together anew.
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

    /// Puts the named Services together anew; those that differ.
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
            var service = owner?.snapshot.services[name]
            if let owner { service?.origin = owner.origin }
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
            ? "these endpoints are left out" : "this one is left out"
        return ObjectIssue(
            source: fileSource,
            object: name.description,
            reason: "the cluster has a Service of this name, which counts; \(what)",
            service: name
        )
    }
}

extension Removals {
    /// What the second snapshot has of a Service and the first has not is missing.
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
