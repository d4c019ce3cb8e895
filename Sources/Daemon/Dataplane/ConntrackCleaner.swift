package import Addressing
package import DataplaneModel
package import Planning
import Synchronization

/// What the kernel remembers of UDP. Calls come from one thread, and the first of them enters the
/// configured network namespace.
package protocol FlowTable {
    /// The node's addresses on interfaces.
    func localAddresses() throws(DataplaneError) -> [IPAddress]

    /// Deletes the flows of a family that `isStale` picks; the number of them, and what the kernel
    /// refused to delete.
    func deleteFlows(
        _ family: IPFamily,
        where isStale: (UDPFlow) -> Bool
    ) throws(DataplaneError) -> (deleted: Int, failures: [DataplaneError])
}

/// Makes the kernel forget UDP flows to endpoints that are gone, apart from the passes: on a thread
/// of its own, and what is asked for meanwhile together.
package actor ConntrackCleaner {
    /// One look through the table of a family.
    package struct Run: Sendable, Equatable {
        package var family: IPFamily
        /// Entries deleted.
        package var deleted: Int
        package var duration: Duration
    }

    /// What one family is asked for.
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

    /// Until it is tried again what the kernel refused.
    private static let retryInterval = Duration.seconds(5)

    /// Touches nothing before the first request.
    package init(_ flows: sending any FlowTable) {
        self.flows = flows
    }

    /// What was done since the last call.
    package nonisolated func takeRuns() -> [Run] {
        shared.withLock { shared in
            defer { shared.runs = [] }
            return shared.runs
        }
    }

    /// What went wrong since the last call.
    package nonisolated func takeProblems() -> [DataplaneError] {
        shared.withLock { shared in
            defer { shared.problems = [] }
            return shared.problems
        }
    }

    /// Returns when nothing is waiting any more, or what is waiting has failed once.
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

    /// Works until nothing is waiting, and rests as long as it works.
    private func run() async {
        while let waiting = next() {
            let began = ContinuousClock.now
            var pause = Duration.zero
            for (family, request) in waiting.sorted(by: { $0.key < $1.key }) {
                do throws(DataplaneError) {
                    try clean(family, request)
                } catch {
                    note(error)
                    guard error.kind != .unsupported else { continue }
                    putBack(family, request)
                    pause = Self.retryInterval
                }
            }
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

    private func clean(_ family: IPFamily, _ request: Request) throws(DataplaneError) {
        let began = ContinuousClock.now
        let accepting = request.settings.nodePortAddresses(
            family,
            local: try flows.localAddresses(),
            request.mode
        )
        let report = try flows.deleteFlows(family) {
            request.check.isStale($0, acceptsNodePorts: accepting.contains)
        }
        let duration = ContinuousClock.now - began
        shared.withLock { shared in
            shared.runs.append(Run(family: family, deleted: report.deleted, duration: duration))
        }
        for failure in report.failures { note(failure) }
    }

    /// What was asked for since then knows better.
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
        // The newest of many say what the others did.
        shared.withLock { shared in
            shared.problems = shared.problems.suffix(9) + [problem]
        }
    }
}
