import Dispatch
import Glibc
package import ServiceModel
import Synchronization

/// Services from manifests in a directory (or one file), followed as they change.
///
/// Files are read when their writer closes or renames them; changes within a short time come as one
/// update. What symbolic links lead to, and whether the directory is still the same, is looked at
/// every second; so is everything while the kernel has no inotify instance or watch left. What cannot
/// be read or understood is an issue, and what it said before stays.
///
/// @unchecked Sendable: all state is touched on `queue` only, but for `looked`, which has a lock.
package final class FileSource: @unchecked Sendable {
    /// Changes this close together come as one update.
    static let quietTime = DispatchTimeInterval.milliseconds(100)
    /// A file that changed this recently, without its writer having closed it, may be half written.
    static let settlingNanoseconds: Int64 = 1_000_000_000
    /// How often to look at what inotify does not tell.
    static let lookInterval = DispatchTimeInterval.seconds(1)

    private let files: ManifestFiles
    private let copies: LastGoodCopies?
    private let makeInstance: @Sendable () -> CInt
    private let fileSystem: @Sendable (String) -> UInt64?
    private let queue = DispatchQueue(label: "fairlead.files")
    private var store: ManifestStore
    private var stamps: [String: ManifestFiles.Stamp] = [:]
    private var links: Set<String> = []
    private var completed: Set<String> = []
    private var watch: DirectoryWatch?
    /// Of the directory that is watched.
    private var identity: [UInt64]?
    /// That the directory was on when it was last read.
    private var lastFileSystem: UInt64?
    /// Manifests that are missing without having been deleted, whose copies stay for now, and the
    /// revision that lacks them first.
    private var missing: [String: UInt64] = [:]
    /// Why the directory cannot be watched though it is there.
    private var watchIssue: ObjectIssue?
    private var timer: (any DispatchSourceTimer)?
    private var scanIsPlanned = false
    private var vanishing = VanishingFiles()
    private var isReadable = false
    private var hasReported = false
    private var continuation: AsyncStream<SnapshotUpdate>.Continuation?
    private let looked = Mutex<ContinuousClock.Instant?>(nil)

    /// `stateDirectory` keeps copies of good manifests for the next start; nil keeps none.
    /// `makeInstance` makes inotify instances; `fileSystem` tells file systems by their device.
    package init(
        path: String,
        serviceProxyName: String = "",
        stateDirectory: String? = nil,
        makeInstance: @escaping @Sendable () -> CInt = DirectoryWatch.makeInstance,
        fileSystem: @escaping @Sendable (String) -> UInt64? = FileSource.fileSystem
    ) {
        files = ManifestFiles(path: path)
        copies = stateDirectory.map { LastGoodCopies(directory: $0) }
        store = ManifestStore(decoder: ManifestDecoder(serviceProxyName: serviceProxyName))
        self.makeInstance = makeInstance
        self.fileSystem = fileSystem
    }

    /// The device that holds the path; nil if there is nothing.
    package static let fileSystem: @Sendable (String) -> UInt64? = {
        ManifestFiles.identity($0)?.first
    }

    /// Reads everything once; nil if there is nothing to read at the path.
    package func load() -> SnapshotUpdate? {
        queue.sync {
            scan(isFirst: true).map { _ in
                SnapshotUpdate(snapshot: store.snapshot, changed: .all)
            }
        }
    }

    /// Follows the files until the stream's consumer ends. The first update holds everything; it
    /// comes when the path could be read for the first time. To be called once.
    package func updates() -> AsyncStream<SnapshotUpdate> {
        AsyncStream { continuation in
            continuation.onTermination = { _ in self.queue.async { self.stop() } }
            queue.async {
                self.continuation = continuation
                self.follow()
            }
        }
    }

    /// Looks at every file again.
    package func rescan() {
        queue.async {
            self.stamps = [:]
            self.planScan(after: .milliseconds(0))
        }
    }

    /// What was missing in updates up to this revision is not held: the next start need not know it.
    package func forgetMissing(upTo revision: UInt64) {
        queue.async {
            for (path, since) in self.missing where since <= revision {
                self.copies?.remove(path)
                self.missing[path] = nil
            }
        }
    }

    /// When the path was last seen to be readable, and followed by watch or by polling; nil if
    /// never. Less than two seconds ago as long as all is well.
    package var lastLook: ContinuousClock.Instant? { looked.withLock { $0 } }

    private func stop() {
        timer?.cancel()
        timer = nil
        watch = nil
        continuation = nil
    }

    // MARK: - Watching

    /// Watches first and reads then, so that no change falls in between.
    private func follow() {
        openWatch()
        runScan()
        if isReadable { looked.withLock { $0 = .now } }
        let timer = DispatchSource.makeTimerSource(queue: queue)
        timer.schedule(deadline: .now() + Self.lookInterval, repeating: Self.lookInterval)
        timer.setEventHandler { [weak self] in self?.look() }
        timer.resume()
        self.timer = timer
    }

    /// Without a watch afterwards the directory is not there, or `watchIssue` says why.
    private func openWatch() {
        let directory = files.directory
        identity = ManifestFiles.identity(directory)
        watchIssue = nil
        do throws(DirectoryWatch.Failure) {
            watch = try DirectoryWatch(directory, queue: queue, makeInstance) { [weak self] in
                self?.noticed($0)
            }
        } catch {
            watch = nil
            guard error.isExhaustion else { return }
            watchIssue = ObjectIssue(source: files.path, reason: error.reason)
        }
    }

    private func noticed(_ events: [DirectoryWatch.Event]) {
        for event in events {
            switch event {
            case .completed(let name): completed.insert(name)
            case .changed: break
            case .lost where watch != nil:
                watch = nil
                openWatch()
            case .lost: break
            }
        }
        planScan(after: Self.quietTime)
    }

    /// What no event tells: another directory at the path, what links lead to, everything without a
    /// watch.
    private func look() {
        guard continuation != nil else { return }
        let isOther = ManifestFiles.identity(files.directory) != identity
        if watch == nil || isOther {
            let wasPolling = watchIssue != nil
            openWatch()
            if watch == nil, watchIssue == nil {
                // There is no directory. Only that is told, should one appear just now.
                if isReadable { planScan(after: Self.lookInterval) }
                return
            }
            if wasPolling {
                runScan()
            } else {
                // Whoever makes the directory anew gets time to fill it.
                planScan(after: Self.lookInterval)
            }
        } else if !isReadable || links.contains(where: hasChanged) {
            runScan()
        }
        if isReadable { looked.withLock { $0 = .now } }
    }

    private func hasChanged(_ path: String) -> Bool {
        guard case .file(let stamp) = ManifestFiles.entry(path) else { return stamps[path] != nil }
        return stamps[path] != stamp
    }

    private func planScan(after delay: DispatchTimeInterval) {
        guard !scanIsPlanned else { return }
        scanIsPlanned = true
        queue.asyncAfter(deadline: .now() + delay) { [weak self] in self?.runScan() }
    }

    private func runScan() {
        scanIsPlanned = false
        guard let continuation else { return }
        let before = store.snapshot.revision
        let changed = scan(isFirst: !hasReported)
        guard let changed else { return }
        let removals = store.takeRemovals()
        if !hasReported {
            hasReported = true
            continuation.yield(SnapshotUpdate(snapshot: store.snapshot, changed: .all))
        } else if store.snapshot.revision != before || !removals.isEmpty {
            continuation.yield(
                SnapshotUpdate(
                    snapshot: store.snapshot,
                    changed: .some(changed),
                    removals: removals
                )
            )
        }
    }

    // MARK: - Reading

    /// Takes in what changed on disk; nil as long as there was nothing to read ever.
    private func scan(isFirst: Bool) -> Set<ServiceName>? {
        let listing: ManifestFiles.Listing
        do throws(ListingFailure) {
            listing = try files.list()
        } catch {
            isReadable = false
            store.report(
                ObjectIssue(source: files.path, reason: error.reason + "; waiting for it")
            )
            return hasReported ? [] : nil
        }
        isReadable = true
        links = listing.links
        store.report(watchIssue)
        let known = Set(stamps.keys).union(store.paths)
        let gone = known.subtracting(listing.entries.keys)
        if !gone.isEmpty, !isFirst, vanishing.goOn(Set(listing.entries.keys)) {
            planScan(after: Self.quietTime)
            return []
        }
        vanishing.end()
        var changed = remove(gone, isEmpty: listing.entries.isEmpty)
        for (path, entry) in listing.entries.sorted(by: { $0.key < $1.key }) {
            missing[path] = nil
            changed.formUnion(take(path, entry, isFirst: isFirst))
        }
        if isFirst { changed.formUnion(takeCopies(listing)) }
        completed = []
        return changed
    }

    /// One of many was removed by somebody. All of them at once may have been unmounted, and so has
    /// what is absent on another file system.
    private func remove(_ gone: Set<String>, isEmpty: Bool) -> Set<ServiceName> {
        let present = fileSystem(files.directory)
        let isOther = lastFileSystem != nil && lastFileSystem != present
        lastFileSystem = present
        var changed: Set<ServiceName> = []
        for path in gone.sorted() {
            stamps[path] = nil
            let isMissing = isEmpty || isOther
            changed.formUnion(store.update(path, isMissing ? .missing : .absent))
            if isMissing {
                missing[path] = store.snapshot.revision
            } else {
                copies?.remove(path)
            }
        }
        return changed
    }

    /// At the start: where there is no manifest at all, those of the last run count first, so that
    /// they are found missing with the next look. Else nobody needs copies of what is not there.
    private func takeCopies(_ listing: ManifestFiles.Listing) -> Set<ServiceName> {
        guard let copies else { return [] }
        let absent = copies.paths(at: files.path).subtracting(listing.entries.keys)
        guard listing.entries.isEmpty else {
            for path in absent { copies.remove(path) }
            return []
        }
        var changed: Set<ServiceName> = []
        for path in absent.sorted() {
            if let good = copies.load(path) { changed.formUnion(store.update(path, good)) }
        }
        if !absent.isEmpty { planScan(after: Self.quietTime) }
        return changed
    }

    private func take(
        _ path: String,
        _ entry: ManifestFiles.Entry,
        isFirst: Bool
    ) -> Set<ServiceName> {
        switch entry {
        case .unreadable(let reason):
            stamps[path] = nil
            return store.update(path, .unreadable(reason: reason))
        case .file(let stamp):
            guard stamps[path] != stamp else { return [] }
            guard isFirst || isSettled(path, stamp) else {
                planScan(after: .nanoseconds(Int(Self.settlingNanoseconds)))
                return []
            }
            stamps[path] = stamp
            return read(path, isFirst: isFirst)
        }
    }

    private func read(_ path: String, isFirst: Bool) -> Set<ServiceName> {
        let content = ManifestFiles.read(path)
        var changed = store.update(path, content)
        if store.isGood(path) {
            if case .text(let text) = content { copies?.save(text, of: path) }
        } else if isFirst, let good = copies?.load(path) {
            // A restart in the middle of an edit: first what worked, then what is there.
            changed.formUnion(store.update(path, good))
            changed.formUnion(store.update(path, content))
        }
        return changed
    }

    private func isSettled(_ path: String, _ stamp: ManifestFiles.Stamp) -> Bool {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        if completed.contains(name) { return true }
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        let age = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec) - stamp.changed
        return age >= Self.settlingNanoseconds || age < 0
    }
}
