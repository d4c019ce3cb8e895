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

    /// Touches nothing before the first request. What the kernel refuses is tried again after
    /// `retryInterval`, unless it does not support it.
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
        while let waiting = next() {
            let began = ContinuousClock.now
            var pause = Duration.zero
            for (family, request) in waiting.sorted(by: { $0.key < $1.key }) {
                let problems = endSockets(family, request) + clean(family, request)
                for problem in problems { note(problem) }
                let again = request.remaining(
                    after: problems.filter { $0.error.kind != .unsupported }
                )
                guard !again.isEmpty else { continue }
                putBack(family, again)
                pause = retryInterval
            }
            if pause > .zero { release() }
            try? await Task.sleep(for: max(pause, ContinuousClock.now - began))
        }
        release()
    }

    private func next() -> [IPFamily: FlowRequest]? {
        shared.withLock { shared in
            defer { shared.waiting = [:] }
            shared.isRunning = !shared.waiting.isEmpty
            return shared.isRunning ? shared.waiting : nil
        }
    }

    /// Programs wait for sockets, so these come before the table.
    private func endSockets(_ family: IPFamily, _ request: FlowRequest) -> [Problem] {
        guard let scope = request.sockets else { return [] }
        let check = request.check
        do throws(DataplaneError) {
            // Programs take a node port at no other address than those that accept it.
            let report = try flows.endSockets(family, scope, at: check.lost) {
                check.isStale($0) { _ in true }
            }
            shared.withLock { $0.endedSockets[family, default: 0] += report.ended }
            return report.failures.map { Problem(isOfSockets: true, $0) }
        } catch {
            return [Problem(isOfSockets: true, error)]
        }
    }

    /// What could not be deleted, or why the table could not be read.
    private func clean(_ family: IPFamily, _ request: FlowRequest) -> [Problem] {
        guard request.cleansTable else { return [] }
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
            return report.failures.map { Problem($0) }
        } catch {
            return [Problem(error)]
        }
    }

    /// Later requests take precedence.
    private func putBack(_ family: IPFamily, _ request: FlowRequest) {
        shared.withLock { shared in
            let later = shared.waiting[family]
            shared.waiting[family] = later.map { request.merged(with: $0) } ?? request
        }
    }

    private func note(_ problem: Problem) {
        // The rest is more of the same.
        shared.withLock { shared in
            shared.problems = shared.problems.suffix(9) + [problem]
        }
    }
}
