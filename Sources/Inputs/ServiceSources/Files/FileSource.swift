import Dispatch
import Glibc
package import ServiceModel
import Synchronization
import SystemCalls

/// Services from the manifests in a directory (or one file), watched for changes.
///
/// Files are read when their writer closes or renames them; changes within a short time become one
/// update. Targets of symbolic links, and whether the directory is still the same, are checked when
/// an event says that they may be others, and now and then without, which notices mounts. Every second
/// that is checked where there may be changes without events, and everything in a directory
/// on a network file system or while the kernel has no inotify instance or watch left. What
/// cannot be read or decoded is an issue, and its last good version stays in use.
///
/// @unchecked Sendable: all state is confined to `queue`, except `looked`, which has a lock.
package final class FileSource: @unchecked Sendable {
    /// Changes this close together become one update.
    static let quietTime = DispatchTimeInterval.milliseconds(100)
    /// A file modified this recently and not closed by its writer may be incomplete.
    static let settlingNanoseconds: Int64 = 1_000_000_000
    /// How long a directory that has appeared is left to be filled.
    static let fillingTime = DispatchTimeInterval.seconds(1)
    /// How often to check what inotify does not report.
    static let lookInterval = Duration.seconds(1)
    /// The same while inotify reports all but mounts.
    static let restInterval = Duration.seconds(10)

    private let files: ManifestFiles
    private var copies: LastGoodCopies?
    private let makeInstance: @Sendable () -> CInt
    private let fileSystem: @Sendable (String) -> UInt64?
    private let isLocal: @Sendable (String) -> Bool
    private let queue = DispatchQueue(label: "fairlead.files")
    private var store: ManifestStore
    private var stamps: [String: ManifestFiles.Stamp] = [:]
    private var links: Set<String> = []
    private var completed: Set<String> = []
    private var watch: DirectoryWatch?
    /// Identity of the watched directory.
    private var identity: [UInt64]?
    /// The file system of the directory when it was last read.
    private var lastFileSystem: UInt64?
    /// Manifests that are missing but not deleted, whose copies are kept for now, and the first
    /// revision without them.
    private var missing: [String: UInt64] = [:]
    /// Others can change the directory without an event here.
    private var isRemote = false
    private var checks = PathCheck()
    /// Why an existing directory cannot be watched.
    private var watchIssue: ObjectIssue?
    /// Calls `look`.
    private var poller: PollingThread?
    private var scanIsPlanned = false
    private var vanishing = VanishingFiles()
    private var mounts: MountsBelow?
    /// Until when removals wait for files that may be incomplete; nil if none wait.
    private var removalsWait: ContinuousClock.Instant?
    private var isReadable = false
    private var unreadable: String?
    private var hasReported = false
    private var continuation: AsyncStream<SnapshotUpdate>.Continuation?
    private let looked = Mutex(Looked())

    private struct Looked {
        var at: ContinuousClock.Instant?
        /// Nothing has happened since.
        var isAtRest = false
        var problem: ObjectIssue?

        mutating func endRest() {
            if isAtRest { (at, isAtRest) = (.now, false) }
        }
    }

    /// `stateDirectory` keeps copies of good manifests for the next start; nil keeps none.
    /// `makeInstance` makes inotify instances; `fileSystem` identifies the file system of a path by
    /// its device, and `isLocal` says whether all changes there have an event.
    package init(
        path: String,
        serviceProxyName: String = "",
        stateDirectory: String? = nil,
        makeInstance: @escaping @Sendable () -> CInt = DirectoryWatch.makeInstance,
        fileSystem: @escaping @Sendable (String) -> UInt64? = FileSource.fileSystem,
        isLocal: @escaping @Sendable (String) -> Bool = { PathEvents.isLocal($0) }
    ) {
        files = ManifestFiles(path: path)
        copies = stateDirectory.map { LastGoodCopies(directory: $0) }
        store = ManifestStore(decoder: ManifestDecoder(serviceProxyName: serviceProxyName))
        self.makeInstance = makeInstance
        self.fileSystem = fileSystem
        self.isLocal = isLocal
    }

    /// The device that holds the path; nil if the path does not exist.
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

    /// Why the path, being a file itself, could not be read when it was last looked at; nil if it could, or is a directory.
    package var fileProblem: String? { queue.sync { unreadable } }

    /// Watches the files until the stream's consumer ends. The first update holds everything and
    /// comes once the path could be read. Call once.
    package func updates() -> AsyncStream<SnapshotUpdate> {
        AsyncStream { continuation in
            continuation.onTermination = { _ in self.queue.async { self.stop() } }
            queue.async {
                self.continuation = continuation
                self.follow()
            }
        }
    }

    /// Scans every file again.
    package func rescan() {
        queue.async {
            self.stamps = [:]
            self.planScan(after: .milliseconds(0))
        }
    }

    /// Drops the copies of manifests missing in updates up to this revision: they are not held, so
    /// the next start does not need them.
    package func forgetMissing(upTo revision: UInt64) {
        queue.async {
            for (path, since) in self.missing where since <= revision {
                self.copies?.remove(path)
                self.missing[path] = nil
            }
        }
    }

    /// When the path was last readable and either watched or polled; nil if never. At most two
    /// seconds ago while the source is healthy.
    package var lastLook: ContinuousClock.Instant? {
        looked.withLock { $0.isAtRest ? .now : $0.at }
    }

    /// Why nothing could be read at the path so far; nil once it could.
    package var problem: ObjectIssue? { looked.withLock { $0.problem } }

    private func stop() {
        poller = nil
        watch = nil
        continuation = nil
    }

    // MARK: - Watching

    /// Starts the watch before reading, so that no change is missed in between.
    private func follow() {
        openWatch()
        runScan()
        if isReadable { looked.withLock { $0.at = .now } }
        poller = PollingThread(after: .init(limit: Self.lookInterval)) { [weak self] in
            self?.looked.withLock { $0.endRest() }
            // A queue without work runs this on the thread that asks.
            return self?.queue.sync { self?.lookAndWait() } ?? .init(limit: Self.lookInterval)
        }
    }

    private func lookAndWait() -> PollingThread.Wait {
        look()
        guard isReadable, watch != nil, !isRemote, copies?.issue == nil,
            let events = checks.rest(after: links.union([files.directory]))
        else { return .init(limit: Self.lookInterval) }
        looked.withLock { $0.isAtRest = true }
        return .init(limit: Self.restInterval, descriptor: events)
    }

    /// Without a watch afterwards, the directory does not exist or `watchIssue` gives the reason.
    private func openWatch() {
        let directory = files.directory
        identity = ManifestFiles.identity(directory)
        isRemote = !isLocal(directory)
        mounts = MountsBelow(directory)
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

    /// Checks what causes no event: a replaced directory, targets of links, and everything while
    /// there is no watch.
    private func look() {
        guard continuation != nil else { return }
        let isOther = ManifestFiles.identity(files.directory) != identity
        if watch == nil || isOther {
            let wasPolling = watchIssue != nil
            openWatch()
            if watch == nil, watchIssue == nil {
                // The directory does not exist; scan only if it has just appeared.
                if isReadable { planScan(after: Self.fillingTime) }
                return
            }
            if wasPolling {
                runScan()
            } else {
                // A recreated directory needs time to be filled.
                planScan(after: Self.fillingTime)
            }
        } else if !isReadable || isRemote || copies?.needsRetry() == true
            || links.contains(where: hasChanged)
            || mounts?.haveChanged(below: files.directory) == true
        {
            runScan()
        }
        if isReadable { looked.withLock { $0.at = .now } }
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
        // There may be other links now, or nothing that can be read.
        defer { if looked.withLock({ $0.isAtRest }) { poller?.wake() } }
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

    /// Applies the changes on disk; nil until the path could be read once.
    private func scan(isFirst: Bool) -> Set<ServiceName>? {
        let listing: ManifestFiles.Listing
        do throws(ListingFailure) {
            listing = try files.list()
        } catch {
            isReadable = false
            let issue = ObjectIssue(source: files.path, reason: error.reason + "; retrying")
            store.report([issue])
            if hasReported { return [] }
            // As with a manifest that cannot be read: the last good version.
            if files.isObstructed, let good = copies?.load(files.path) {
                looked.withLock { $0.problem = nil }
                return store.update(files.path, good)
            }
            looked.withLock { $0.problem = issue }
            return nil
        }
        isReadable = true
        looked.withLock { $0.problem = nil }
        links = listing.links
        store.report([watchIssue, copies?.issue].compactMap(\.self))
        let known = Set(stamps.keys).union(store.paths)
        let gone = known.subtracting(listing.entries.keys)
        if !gone.isEmpty, !isFirst {
            if vanishing.goOn(Set(listing.entries.keys)) {
                planScan(after: Self.quietTime)
                return []
            }
            if waits(for: listing) {
                planScan(after: .nanoseconds(Int(Self.settlingNanoseconds)))
                return []
            }
        }
        vanishing.end()
        removalsWait = nil
        copies?.retry()
        var changed = remove(gone, isEmpty: listing.entries.isEmpty)
        for (path, entry) in listing.entries.sorted(by: { $0.key < $1.key }) {
            missing[path] = nil
            changed.formUnion(take(path, entry, isFirst: isFirst))
        }
        if isFirst { changed.formUnion(takeCopies(listing)) }
        completed = []
        store.report([watchIssue, copies?.issue].compactMap(\.self))
        return changed
    }

    /// Whether removals have to wait for a file that may be incomplete: it may have what the removed ones had. Not for
    /// one that is always being written.
    private func waits(for listing: ManifestFiles.Listing) -> Bool {
        let isUnsettled = listing.entries.contains { path, entry in
            guard case .file(let stamp) = entry, stamps[path] != stamp else { return false }
            return !isSettled(path, stamp)
        }
        guard isUnsettled else { return false }
        let end = removalsWait ?? .now + .nanoseconds(3 * Self.settlingNanoseconds)
        removalsWait = end
        return .now < end
    }

    /// A file missing among others was deleted. If all are missing at once, or the directory is on
    /// another file system, it may have been unmounted.
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

    /// At the start, without any manifest: begins with those of the last run, so that the next scan
    /// finds them missing. Otherwise copies of absent files are dropped.
    private func takeCopies(_ listing: ManifestFiles.Listing) -> Set<ServiceName> {
        guard let absent = copies?.paths(at: files.path).subtracting(listing.entries.keys) else {
            return []
        }
        guard listing.entries.isEmpty else {
            for path in absent { copies?.remove(path) }
            return []
        }
        var changed: Set<ServiceName> = []
        for path in absent.sorted() {
            if let good = copies?.load(path) { changed.formUnion(store.update(path, good)) }
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
            var changed: Set<ServiceName> = []
            if isFirst, let good = copies?.load(path) {
                changed = store.update(path, good)
            }
            changed.formUnion(store.update(path, .unreadable(reason: reason)))
            return changed
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
        if path == files.path {
            if case .unreadable(let reason) = content {
                unreadable = reason
            } else {
                unreadable = nil
            }
        }
        var changed = store.update(path, content)
        if store.isGood(path) {
            if case .text(let text) = content { copies?.save(text, of: path) }
        } else if isFirst, let good = copies?.load(path) {
            // After a restart during an edit: the last good version first, then the present one.
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
