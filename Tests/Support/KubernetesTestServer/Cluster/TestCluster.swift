import Synchronization

/// The state behind one or more test servers: objects, their versions and a window of history.
package final class TestCluster: Sendable {
    enum ChangeKind: String, Sendable {
        case added = "ADDED"
        case modified = "MODIFIED"
        case deleted = "DELETED"
    }

    struct Change: Sendable {
        var version: Int
        var kind: ChangeKind
        var object: ClusterObject
        /// What was there before.
        var previous: ClusterObject?
    }

    private struct State {
        var version = 1000
        /// Watches know the changes after this version.
        var oldest = 1000
        /// Lists can be had as of this version and later ones.
        var compacted = 1000
        var objects: [ServedResource: [ClusterKey: ClusterObject]] = [:]
        var history: [Change] = []
        var watchers: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextWatcher = 0

        func sorted(_ resource: ServedResource) -> [ClusterObject] {
            objects[resource, default: [:]].sorted { $0.key < $1.key }.map(\.value)
        }
    }

    private let state = Mutex(State())

    package init() {}

    /// The newest version.
    package var version: Int { state.withLock(\.version) }

    /// Adds an object, or replaces it.
    package func put(_ content: ClusterContent) {
        put([content])
    }

    /// Adds or replaces many, with one wake-up of the watchers.
    package func put(_ contents: [ClusterContent]) {
        change { state in
            for content in contents {
                state.version += 1
                let object = ClusterObject(content, version: state.version)
                let old = state.objects[content.resource, default: [:]]
                    .updateValue(object, forKey: content.key)
                state.history.append(
                    Change(
                        version: state.version,
                        kind: old == nil ? .added : .modified,
                        object: object,
                        previous: old
                    )
                )
            }
        }
    }

    /// Deletes an object, if it is there.
    package func delete(_ resource: ServedResource, _ key: ClusterKey) {
        change { state in
            guard let old = state.objects[resource]?.removeValue(forKey: key) else { return }
            state.version += 1
            let last = ClusterObject(old.content, version: state.version)
            state.history.append(
                Change(version: state.version, kind: .deleted, object: last, previous: old)
            )
        }
    }

    /// Watches from an older version than now fail with 410 from here on, as with a server that
    /// has just started. Lists of what was then can still be had: those come from the database.
    package func forgetChanges() {
        state.withLock { $0.oldest = $0.version }
    }

    /// The database forgets what was, too.
    package func compact() {
        state.withLock {
            $0.history = []
            $0.oldest = $0.version
            $0.compacted = $0.version
        }
    }

    /// Encodes everything, so that no request has to wait for it; the bytes of all objects.
    package func encode(_ encoding: ServedEncoding) -> Int {
        ServedResource.allCases.reduce(0) { sum, resource in
            list(resource).objects.reduce(sum) { $0 + $1.bytes(encoding).count }
        }
    }

    /// All objects of a resource, by key, and the version as of which that is so.
    func list(_ resource: ServedResource) -> (objects: [ClusterObject], version: Int) {
        state.withLock { ($0.sorted(resource), $0.version) }
    }

    /// All objects of a resource as they were at `version`; nil if that is forgotten.
    func list(_ resource: ServedResource, at version: Int) -> [ClusterObject]? {
        state.withLock { state in
            guard version >= state.compacted else { return nil }
            var then = state
            for change in state.history.reversed() {
                guard change.version > version else { break }
                let content = change.object.content
                then.objects[content.resource]?[content.key] = change.previous
            }
            return then.sorted(resource)
        }
    }

    /// Changes of a resource after `version`, and the version they reach to; nil if it is too old.
    func changes(
        of resource: ServedResource,
        after version: Int
    ) -> (changes: [Change], version: Int)? {
        state.withLock { state in
            guard version >= state.oldest else { return nil }
            let start = state.history.lastIndex { $0.version <= version }.map { $0 + 1 } ?? 0
            return (
                state.history[start...].filter { $0.object.content.resource == resource },
                state.version
            )
        }
    }

    /// An element for each change to come; several may come as one.
    func signals() -> (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Void.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let number = state.withLock { state in
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = continuation
            return state.nextWatcher
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.watchers.removeValue(forKey: number) }
        }
        return (stream, continuation)
    }

    private func change(_ body: (inout State) -> Void) {
        let watchers = state.withLock { state in
            body(&state)
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.yield() }
    }
}
