package import Addressing
package import DataplaneModel
import Planning
import Synchronization

/// Deletes UDP flows to endpoints that are gone, independently of the passes, on a thread of its own: entries of
/// connection tracking, and sockets of the socket level. Requests that arrive during a run are combined for the next.
///
/// Programs wait for sockets: these come first, and what the table waits for does not hold them up, nor do sockets that
/// the kernel refused to end earlier.
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

    /// What is done apart, each with pauses of its own.
    private enum Part: CaseIterable {
        case sockets
        case table
    }

    /// The requests of one part.
    private struct Queue {
        var waiting: [IPFamily: FlowRequest] = [:]
        var isRunning = false
        /// A request came that no pause may hold up.
        var isUrgent = false
        /// Until what has failed is tried again.
        var pause: Task<Void, Never>?
    }

    private struct Waiter {
        var parts: Set<Part>
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct Shared {
        var queues: [Part: Queue] = [:]
        var runs: [Run] = []
        var endedSockets: [IPFamily: Int] = [:]
        var problems: [Problem] = []
        var waiters: [Waiter] = []

        var running: Set<Part> { Set(queues.filter(\.value.isRunning).keys) }
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
                let running = shared.running
                if !running.isEmpty {
                    shared.waiters.append(Waiter(parts: running, continuation: continuation))
                }
                return running.isEmpty
            }
            if isDone { continuation.resume() }
        }
    }

    private func release(_ part: Part) {
        let done = shared.withLock { shared in
            for index in shared.waiters.indices { shared.waiters[index].parts.remove(part) }
            let done = shared.waiters.filter(\.parts.isEmpty)
            shared.waiters.removeAll(where: \.parts.isEmpty)
            return done
        }
        for waiter in done { waiter.continuation.resume() }
    }

    /// Returns at once.
    package nonisolated func request(_ family: IPFamily, _ request: FlowRequest) {
        for part in Part.allCases {
            let own = request.only(table: part == .table, sockets: part == .sockets)
            guard !own.isEmpty else { continue }
            let begins = shared.withLock { shared in
                let earlier = shared.queues[part]?.waiting[family]
                shared.queues[part, default: Queue()].waiting[family] =
                    earlier?.merged(with: own) ?? own
                if part == .sockets {
                    shared.queues[part]?.isUrgent = true
                    shared.queues[part]?.pause?.cancel()
                }
                defer { shared.queues[part]?.isRunning = true }
                return shared.queues[part]?.isRunning != true
            }
            if begins { Task { await run(part) } }
        }
    }

    /// Works until no request is waiting, with pauses as long as the work took.
    private func run(_ part: Part) async {
        var failures = 0
        while let waiting = next(part) {
            let began = ContinuousClock.now
            var pause = Duration.zero
            var hasFailed = false
            for (family, request) in waiting.sorted(by: { $0.key < $1.key }) {
                let outcome = work(part, family, request)
                guard outcome != .done else { continue }
                putBack(part, family, request)
                if outcome == .failed { hasFailed = true }
                pause = max(
                    pause,
                    outcome == .failed
                        ? Self.pause(after: failures, retryInterval)
                        : min(retryInterval, Self.connecting)
                )
            }
            failures = hasFailed ? failures + 1 : 0
            let worked = ContinuousClock.now - began
            if pause > .zero {
                release(part)
                await wait(part, max(pause, worked))
            } else {
                try? await Task.sleep(for: part == .sockets ? min(worked, Self.rest) : worked)
            }
        }
        release(part)
    }

    /// For so long, or until there is a new request for sockets.
    private func wait(_ part: Part, _ pause: Duration) async {
        let sleep = Task { _ = try? await Task.sleep(for: pause) }
        let isUrgent = shared.withLock { shared in
            shared.queues[part]?.pause = sleep
            return shared.queues[part]?.isUrgent == true
        }
        if isUrgent { sleep.cancel() }
        await sleep.value
    }

    /// The longest pause after work on sockets, which others wait for.
    private static let rest = Duration.milliseconds(200)

    private enum Outcome {
        case done
        /// A socket was about to connect.
        case unfinished
        case failed
    }

    private func work(_ part: Part, _ family: IPFamily, _ request: FlowRequest) -> Outcome {
        switch part {
        case .sockets:
            let sockets = endSockets(family, request)
            return fails(sockets.problems) ? .failed : sockets.isUnfinished ? .unfinished : .done
        case .table: return fails(clean(family, request)) ? .failed : .done
        }
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

    private func next(_ part: Part) -> [IPFamily: FlowRequest]? {
        shared.withLock { shared in
            let waiting = shared.queues[part]?.waiting ?? [:]
            shared.queues[part] = Queue(isRunning: !waiting.isEmpty)
            return waiting.isEmpty ? nil : waiting
        }
    }

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
    private func putBack(_ part: Part, _ family: IPFamily, _ request: FlowRequest) {
        shared.withLock { shared in
            let later = shared.queues[part]?.waiting[family]
            shared.queues[part]?.waiting[family] = later.map { request.merged(with: $0) } ?? request
        }
    }

    private func noted(_ problems: [Problem]) -> [Problem] {
        // The rest is more of the same.
        shared.withLock { $0.problems = ($0.problems + problems).suffix(10) }
        return problems
    }
}
