import Dispatch
import Glibc
package import ServiceModel

/// Services from manifests in a directory (or one file), followed as they change.
///
/// Files are read when their writer closes or renames them; changes within a short time come as one
/// update. What cannot be read or understood is an issue, and what it said before stays.
///
/// @unchecked Sendable: all state is touched on `queue` only.
package final class FileSource: @unchecked Sendable {
    /// Changes this close together come as one update.
    static let quietTime = DispatchTimeInterval.milliseconds(100)
    /// A file that changed this recently, without its writer having closed it, may be half written.
    static let settlingNanoseconds: Int64 = 1_000_000_000
    /// How often to look again for a directory that is not there.
    static let absenceInterval = DispatchTimeInterval.seconds(1)

    private let files: ManifestFiles
    private let copies: LastGoodCopies?
    private let queue = DispatchQueue(label: "fairlead.files")
    private var store: ManifestStore
    private var stamps: [String: ManifestFiles.Stamp] = [:]
    private var completed: Set<String> = []
    private var watch: DirectoryWatch?
    private var scanIsPlanned = false
    private var hasReported = false
    private var continuation: AsyncStream<SnapshotUpdate>.Continuation?

    /// `stateDirectory` keeps copies of good manifests for the next start; nil keeps none.
    package init(path: String, serviceProxyName: String = "", stateDirectory: String? = nil) {
        files = ManifestFiles(path: path)
        copies = stateDirectory.map { LastGoodCopies(directory: $0) }
        store = ManifestStore(decoder: ManifestDecoder(serviceProxyName: serviceProxyName))
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

    private func stop() {
        watch = nil
        continuation = nil
    }

    // MARK: - Watching

    /// Watches first and reads then, so that no change falls in between.
    private func follow() {
        openWatch()
        runScan()
    }

    private func openWatch() {
        let directory = files.directory
        watch = DirectoryWatch(directory, queue: queue) { [weak self] in self?.noticed($0) }
        guard watch == nil else { return }
        queue.asyncAfter(deadline: .now() + Self.absenceInterval) { [weak self] in
            guard let self, self.continuation != nil else { return }
            self.openWatch()
            // Whoever makes the directory anew gets time to fill it.
            if self.watch != nil { self.planScan(after: Self.absenceInterval) }
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
        if !hasReported {
            hasReported = true
            continuation.yield(SnapshotUpdate(snapshot: store.snapshot, changed: .all))
        } else if store.snapshot.revision != before {
            continuation.yield(SnapshotUpdate(snapshot: store.snapshot, changed: .some(changed)))
        }
    }

    // MARK: - Reading

    /// Takes in what changed on disk; nil as long as there was nothing to read ever.
    private func scan(isFirst: Bool) -> Set<ServiceName>? {
        guard let present = files.list() else {
            store.report(
                ObjectIssue(
                    source: files.path,
                    reason: ManifestFiles.errorText("cannot be read") + "; waiting for it"
                )
            )
            return hasReported ? [] : nil
        }
        store.report(nil)
        var changed: Set<ServiceName> = []
        for path in Set(stamps.keys).union(store.paths).subtracting(present.keys).sorted() {
            stamps[path] = nil
            changed.formUnion(store.update(path, .absent))
            copies?.remove(path)
        }
        for (path, stamp) in present.sorted(by: { $0.key < $1.key }) where stamps[path] != stamp {
            guard isFirst || isSettled(path, stamp) else {
                planScan(after: .nanoseconds(Int(Self.settlingNanoseconds)))
                continue
            }
            stamps[path] = stamp
            changed.formUnion(read(path, isFirst: isFirst))
        }
        completed = []
        return changed
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
        clock_gettime(CLOCK_REALTIME, &now)
        let age = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec) - stamp.changed
        return age >= Self.settlingNanoseconds || age < 0
    }
}

extension ManifestFiles {
    /// The directory to watch: the path itself, or a file's parent.
    fileprivate var directory: String {
        var status = stat()
        let isFile = stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        let looksLikeFile = path.split(separator: "/").last.map { Self.isManifest(String($0)) }
        guard isFile || (looksLikeFile ?? false) else { return path }
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
