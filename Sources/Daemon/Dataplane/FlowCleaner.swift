package import Addressing
package import DataplaneModel
import Planning
import Synchronization

/// Deletes UDP flows to endpoints that are gone, independently of the passes, on a thread of its own: entries of
/// connection tracking, and sockets of the socket level. Requests that arrive during a run are combined for the next.
package actor FlowCleaner {
    /// One run through the table of a family.
    package struct Run: Sendable, Equatable {
        package var family: IPFamily
        /// Entries deleted.
        package var deleted: Int
        package var duration: Duration
    }

    /// What could not be done.
    package struct Problem: Sendable, Equatable {
        /// Of sockets, and not of the table.
        package var isOfSockets: Bool
        package var error: DataplaneError

        package init(isOfSockets: Bool = false, _ error: DataplaneError) {
            self.isOfSockets = isOfSockets
            self.error = error
        }
    }

    private struct Shared {
        var waiting: [IPFamily: FlowRequest] = [:]
        var isRunning = false
        var runs: [Run] = []
        var endedSockets: [IPFamily: Int] = [:]
        var problems: [Problem] = []
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let thread = DataplaneThread(name: "fairlead-flows")
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        // This actor keeps the thread as long as it lives.
        unsafe thread.asUnownedSerialExecutor()
    }

    private let flows: any FlowTable
    private let shared = Mutex(Shared())

    private let retryInterval: Duration
    /// A run looks at the whole table.
    private static let longestRetryInterval = Duration.seconds(60)

    /// Touches nothing before the first request. What the kernel refuses is tried again after
    /// `retryInterval`, and after twice as long each time it is refused again, unless the kernel does not support
    /// it.
    package init(_ flows: sending any FlowTable, retryInterval: Duration = .seconds(5)) {
        self.flows = flows
        self.retryInterval = retryInterval
    }

    /// The runs since the last call.
    package nonisolated func takeRuns() -> [Run] {
        shared.withLock { shared in
            defer { shared.runs = [] }
            return shared.runs
        }
    }

    /// How many sockets were ended since the last call.
    package nonisolated func takeEndedSockets() -> [IPFamily: Int] {
        shared.withLock { shared in
            defer { shared.endedSockets = [:] }
            return shared.endedSockets
        }
    }

    /// The failures since the last call: the last ten.
    package nonisolated func takeProblems() -> [Problem] {
        shared.withLock { shared in
            defer { shared.problems = [] }
            return shared.problems
        }
    }

    /// Returns when no request is waiting any more, or the waiting ones have failed once.
    package nonisolated func finish() async {
        await withCheckedContinuation { continuation in
            let isDone = shared.withLock { shared in
                if shared.isRunning { shared.waiters.append(continuation) }
                return !shared.isRunning
            }
            if isDone { continuation.resume() }
        }
    }

    private func release() {
        let waiters = shared.withLock { shared in
            defer { shared.waiters = [] }
            return shared.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns at once.
    package nonisolated func request(_ family: IPFamily, _ request: FlowRequest) {
        guard !request.isEmpty else { return }
        let begins = shared.withLock { shared in
            let earlier = shared.waiting[family]
            shared.waiting[family] = earlier?.merged(with: request) ?? request
            defer { shared.isRunning = true }
            return !shared.isRunning
        }
        if begins { Task { await run() } }
    }

    /// Works until no request is waiting, with pauses as long as the work took.
    private func run() async {
        var failures = 0
        while let waiting = next() {
            let began = ContinuousClock.now
            var pause = Duration.zero
            var hasFailed = false
            for (family, request) in waiting.sorted(by: { $0.key < $1.key }) {
                let sockets = endSockets(family, request)
                let table = clean(family, request)
                let again = request.only(
                    table: fails(table),
                    sockets: fails(sockets.problems) || sockets.isUnfinished
                )
                guard !again.isEmpty else { continue }
                putBack(family, again)
                let isLater = fails(table) || fails(sockets.problems)
                if isLater { hasFailed = true }
                pause = max(
                    pause,
                    isLater
                        ? Self.pause(after: failures, retryInterval)
                        : min(retryInterval, Self.connecting)
                )
            }
            failures = hasFailed ? failures + 1 : 0
            if pause > .zero { release() }
            try? await Task.sleep(for: max(pause, ContinuousClock.now - began))
        }
        release()
    }

    private static func pause(after failures: Int, _ retryInterval: Duration) -> Duration {
        min(retryInterval * (1 << min(failures, 20)), max(retryInterval, longestRetryInterval))
    }

    /// After this a socket is no longer about to connect.
    private static let connecting = Duration.seconds(1)

    /// Whether to try again.
    private func fails(_ problems: [Problem]) -> Bool {
        problems.contains { $0.error.kind != .unsupported }
    }

    private func next() -> [IPFamily: FlowRequest]? {
        shared.withLock { shared in
            defer { shared.waiting = [:] }
            shared.isRunning = !shared.waiting.isEmpty
            return shared.isRunning ? shared.waiting : nil
        }
    }

    /// Programs wait for sockets, so these come before the table.
    private func endSockets(
        _ family: IPFamily,
        _ request: FlowRequest
    ) -> (problems: [Problem], isUnfinished: Bool) {
        guard let sockets = request.uses.sockets else { return ([], false) }
        do throws(DataplaneError) {
            // Programs take a node port at no other address than those that accept it.
            let ended = try flows.endSockets(family, sockets) {
                request.check.isStale($0) { _ in true }
            }
            shared.withLock { $0.endedSockets[family, default: 0] += ended.count }
            let problems = ended.failures.map { Problem(isOfSockets: true, $0) }
            return (noted(problems), ended.isUnfinished)
        } catch {
            return (noted([Problem(isOfSockets: true, error)]), false)
        }
    }

    /// What could not be deleted, or why the table could not be read.
    private func clean(_ family: IPFamily, _ request: FlowRequest) -> [Problem] {
        guard request.uses.cleansTable else { return [] }
        let began = ContinuousClock.now
        do throws(DataplaneError) {
            let accepting = request.settings.nodePortAddresses(
                family,
                local: try flows.localAddresses(),
                request.mode
            )
            let report = try flows.deleteFlows(family) {
                request.check.isStale($0, acceptsNodePorts: accepting.contains)
            }
            let run = Run(
                family: family,
                deleted: report.deleted,
                duration: ContinuousClock.now - began
            )
            shared.withLock { $0.runs.append(run) }
            return noted(report.failures.map { Problem($0) })
        } catch {
            return noted([Problem(error)])
        }
    }

    /// Later requests take precedence.
    private func putBack(_ family: IPFamily, _ request: FlowRequest) {
        shared.withLock { shared in
            let later = shared.waiting[family]
            shared.waiting[family] = later.map { request.merged(with: $0) } ?? request
        }
    }

    private func noted(_ problems: [Problem]) -> [Problem] {
        // The rest is more of the same.
        shared.withLock { $0.problems = ($0.problems + problems).suffix(10) }
        return problems
    }
}
