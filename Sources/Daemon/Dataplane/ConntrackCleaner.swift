package import Addressing
package import DataplaneModel
package import Planning
import Synchronization

/// The UDP flows in the kernel's connection tracking. Calls come from one thread, and the first of
/// them enters the configured network namespace.
package protocol FlowTable {
    /// The addresses on the node's interfaces; fails as the kernel does.
    func localAddresses() throws(DataplaneError) -> [IPAddress]

    /// Deletes the flows of a family that `isStale` picks; returns how many were deleted, and those
    /// that the kernel refused to delete.
    ///
    /// - Throws: the kernel's error if the table cannot be read; `unsupported` if it has none.
    func deleteFlows(
        _ family: IPFamily,
        where isStale: (UDPFlow) -> Bool
    ) throws(DataplaneError) -> (deleted: Int, failures: [DataplaneError])
}

/// Deletes UDP flows to endpoints that are gone, independently of the passes, on a thread of its own.
/// Requests that arrive during a run are combined for the next.
package actor ConntrackCleaner {
    /// One run through the table of a family.
    package struct Run: Sendable, Equatable {
        package var family: IPFamily
        /// Entries deleted.
        package var deleted: Int
        package var duration: Duration
    }

    /// What to delete in one family.
    package struct Request: Sendable {
        package var check: FlowCheck
        package var settings: PlannerSettings
        package var mode: ProxyMode

        package init(check: FlowCheck, settings: PlannerSettings, mode: ProxyMode) {
            self.check = check
            self.settings = settings
            self.mode = mode
        }
    }

    private struct Shared {
        var waiting: [IPFamily: Request] = [:]
        var isRunning = false
        var runs: [Run] = []
        var problems: [DataplaneError] = []
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

    /// The failures since the last call: the last ten.
    package nonisolated func takeProblems() -> [DataplaneError] {
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
    package nonisolated func request(_ family: IPFamily, _ request: Request) {
        guard !request.check.isEmpty else { return }
        let begins = shared.withLock { shared in
            var merged = request
            if var earlier = shared.waiting[family] {
                earlier.check.merge(request.check)
                merged.check = earlier.check
            }
            shared.waiting[family] = merged
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
            for (family, request) in waiting.sorted(by: { $0.key < $1.key }) {
                let problems = clean(family, request)
                for problem in problems { note(problem) }
                guard problems.contains(where: { $0.kind != .unsupported }) else { continue }
                putBack(family, request)
                let longest = max(retryInterval, Self.longestRetryInterval)
                pause = min(retryInterval * (1 << min(failures, 20)), longest)
            }
            failures = pause > .zero ? failures + 1 : 0
            if pause > .zero { release() }
            try? await Task.sleep(for: max(pause, ContinuousClock.now - began))
        }
        release()
    }

    private func next() -> [IPFamily: Request]? {
        shared.withLock { shared in
            defer { shared.waiting = [:] }
            shared.isRunning = !shared.waiting.isEmpty
            return shared.isRunning ? shared.waiting : nil
        }
    }

    /// What could not be deleted, or why the table could not be read.
    private func clean(_ family: IPFamily, _ request: Request) -> [DataplaneError] {
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
            return report.failures
        } catch {
            return [error]
        }
    }

    /// Later requests take precedence.
    private func putBack(_ family: IPFamily, _ request: Request) {
        shared.withLock { shared in
            var merged = request
            if let later = shared.waiting[family] {
                merged = later
                merged.check = request.check
                merged.check.merge(later.check)
            }
            shared.waiting[family] = merged
        }
    }

    private func note(_ problem: DataplaneError) {
        // The rest is more of the same.
        shared.withLock { shared in
            shared.problems = shared.problems.suffix(9) + [problem]
        }
    }
}
