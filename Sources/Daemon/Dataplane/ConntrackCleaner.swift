package import Addressing
package import DataplaneModel
import Foundation
import LinuxKernel
package import Planning
import Synchronization

/// Makes the kernel forget UDP flows to endpoints that are gone, off the way of the passes: on a
/// thread of its own, and what is asked for meanwhile together.
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
    }

    private struct Shared {
        var waiting: [IPFamily: Request] = [:]
        var isRunning = false
        var runs: [Run] = []
        var problems: [String] = []
    }

    private let thread = DataplaneThread(name: "fairlead-flows")
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        thread.asUnownedSerialExecutor()
    }

    private let namespace: String?
    private var hasEntered = false
    private var stores: [IPFamily: ConntrackStore] = [:]
    private let shared = Mutex(Shared())

    /// Until it is tried again what the kernel refused.
    private static let retryInterval = Duration.seconds(5)

    /// Touches nothing before the first request.
    package init(namespace: String?) {
        self.namespace = namespace
    }

    /// What was done since the last call.
    package nonisolated func takeRuns() -> [Run] {
        shared.withLock { shared in
            defer { shared.runs = [] }
            return shared.runs
        }
    }

    /// What went wrong since the last call.
    package nonisolated func takeProblems() -> [String] {
        shared.withLock { shared in
            defer { shared.problems = [] }
            return shared.problems
        }
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
                    note("\(error)")
                    guard error.kind != .unsupported else { continue }
                    putBack(family, request)
                    pause = Self.retryInterval
                }
            }
            try? await Task.sleep(for: max(pause, ContinuousClock.now - began))
        }
    }

    private func next() -> [IPFamily: Request]? {
        shared.withLock { shared in
            defer { shared.waiting = [:] }
            shared.isRunning = !shared.waiting.isEmpty
            return shared.isRunning ? shared.waiting : nil
        }
    }

    private func clean(_ family: IPFamily, _ request: Request) throws(DataplaneError) {
        if let namespace, !hasEntered { try NetworkNamespace.enter(namespace) }
        hasEntered = true
        let began = ContinuousClock.now
        let accepting = request.settings.nodePortAddresses(
            family,
            local: NodeFacts.observe().localAddresses,
            request.mode
        )
        let store = stores[family] ?? ConntrackStore(family: family)
        stores[family] = store
        let report = try store.deleteFlows {
            request.check.isStale($0, acceptsNodePorts: accepting.contains)
        }
        let duration = ContinuousClock.now - began
        shared.withLock { shared in
            shared.runs.append(Run(family: family, deleted: report.deleted, duration: duration))
        }
        for failure in report.failures { note("\(failure)") }
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

    private func note(_ problem: String) {
        // The newest of many say what the others did.
        shared.withLock { shared in
            shared.problems = shared.problems.suffix(9) + [problem]
        }
    }
}
