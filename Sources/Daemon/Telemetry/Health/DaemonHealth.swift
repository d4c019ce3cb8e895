package import Addressing
import Synchronization

/// Whether this node may take traffic from load balancers, according to its Node object.
package enum NodeEligibility: Sendable, Equatable {
    /// No cluster is configured, so there is no Node object.
    case notAsked
    /// The Node object has not been found.
    case unknown
    /// It has a deletion timestamp.
    case deleted
    /// It has the taint `ToBeDeletedByClusterAutoscaler`.
    case tainted
    case eligible

    package var isEligible: Bool { self == .notAsked || self == .eligible }

    package static let taint = "ToBeDeletedByClusterAutoscaler"
}

/// The daemon's own health. The parts of the daemon report to it; it is judged by the reader's
/// clock, so that a hang is noticed.
package final class DaemonHealth: Sendable {
    /// The state of a source of Services.
    private struct Source {
        var heard: Moment
        /// When the source was last asked for a sign of life; nil if that is unknown.
        var asked: Moment?
        var staleAfter: Duration?
        var problem: String?

        /// For how long it was silent when it was asked last: while a pass lasts the loop asks for nothing,
        /// which says nothing about the source. A loop that lasts longer than `patience` is no excuse.
        func silence(at now: Moment, patience: Duration, whileWorking: Bool) -> Double {
            guard let asked, whileWorking || now.seconds(since: asked) < patience.inSeconds else {
                return now.seconds(since: heard)
            }
            return max(0, asked.seconds(since: heard))
        }
    }

    private struct Family {
        var lastUpdated: Moment
        var oldestPending: Moment?
        /// A pass has succeeded since the start.
        var isProgrammed = false
        /// Why the last pass failed; nil if it did not.
        var problem: String?
    }

    private struct State {
        var families: [IPFamily: Family] = [:]
        var sources: [String: Source] = [:]
        var eligibility = NodeEligibility.notAsked
        var beat: Moment?
        /// When the dataplane was last seen to get on with something that takes long.
        var worked: Moment?
        /// That has ended since.
        var hasWorked = true
        var deadline: Duration
        /// Readers that wait for the next beat.
        var waiters: [CheckedContinuation<Void, Never>] = []

        /// Something that takes long is under way, and not stuck.
        func works(at now: Moment) -> Bool {
            guard !hasWorked, let worked else { return false }
            return now.seconds(since: worked) < deadline.inSeconds
        }
    }

    private let state: Mutex<State>

    /// - Parameter deadline: how long a change may wait, or the loop be silent, before the daemon
    /// counts as unhealthy: kube-proxy's 2 × sync period.
    package init(deadline: Duration = .seconds(60)) {
        state = Mutex(State(deadline: deadline))
    }

    // MARK: - News

    /// The loop has started; these families are served once a pass has programmed them.
    package func start(_ families: [IPFamily], at now: Moment = .now) {
        state.withLock { state in
            state.beat = now
            for family in families { state.families[family] = Family(lastUpdated: now) }
        }
    }

    package func setDeadline(_ deadline: Duration) {
        state.withLock { $0.deadline = deadline }
    }

    /// A change is waiting to be programmed.
    package func queued(at now: Moment = .now) {
        state.withLock { state in
            for family in state.families.keys where state.families[family]?.oldestPending == nil {
                state.families[family]?.oldestPending = now
            }
        }
    }

    /// A pass failed in the family: its changes stay pending, even if there was none.
    /// `problem` says why.
    package func failed(_ family: IPFamily, began: Moment, problem: String? = nil) {
        state.withLock { state in
            state.hasWorked = true
            state.families[family]?.problem = problem
            if state.families[family]?.oldestPending == nil {
                state.families[family]?.oldestPending = began
            }
        }
    }

    /// Everything pending in the family when the pass `began` has been programmed.
    package func updated(_ family: IPFamily, began: Moment, at now: Moment = .now) {
        state.withLock { state in
            state.hasWorked = true
            state.families[family]?.lastUpdated = now
            state.families[family]?.isProgrammed = true
            state.families[family]?.problem = nil
            guard let pending = state.families[family]?.oldestPending else { return }
            // Changes that arrived meanwhile have waited since then at most.
            state.families[family]?.oldestPending =
                pending.instant <= began.instant ? nil : pending
        }
    }

    /// The loop and the dataplane thread are alive.
    package func beat(at now: Moment = .now) {
        let waiters = state.withLock { state in
            state.beat = now
            state.hasWorked = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// The loop waits for the dataplane, which gets on with what it was given: a change that waits for that is no
    /// fault. Readers go on waiting for the next beat.
    package func works(at now: Moment = .now) {
        state.withLock { state in
            state.worked = now
            state.hasWorked = false
        }
    }

    package func hasBeat(within limit: Duration, at now: Moment = .now) -> Bool {
        guard let beat = state.withLock({ $0.beat }) else { return false }
        return now.instant - beat.instant <= limit
    }

    /// Readers beyond that many do not wait: with a loop that hangs, their number grows with each request. Half of
    /// the connections that a server has for them, so that not all can be kept waiting.
    private static let mostWaiters = 32

    /// Waits for the next beat, however long that takes; returns at once if many wait already. Calls `ask`
    /// when it waits.
    package func nextBeat(asking ask: @Sendable () -> Void) async {
        await withCheckedContinuation { waiter in
            let waits = state.withLock { state in
                guard state.waiters.count < Self.mostWaiters else { return false }
                state.waiters.append(waiter)
                return true
            }
            if waits { ask() } else { waiter.resume() }
        }
    }

    /// A source is alive. It becomes stale if no later sign follows within `staleAfter`; nil never
    /// becomes stale. `problem` says why none may follow, if known. `asked` is when this was found out.
    package func heard(
        _ source: String,
        staleAfter: Duration?,
        problem: String? = nil,
        at now: Moment = .now,
        asked: Moment? = nil
    ) {
        state.withLock {
            $0.sources[source] = Source(
                heard: now,
                asked: asked,
                staleAfter: staleAfter,
                problem: problem
            )
        }
    }

    package func setEligibility(_ eligibility: NodeEligibility) {
        state.withLock { $0.eligibility = eligibility }
    }

    // MARK: - Judgement

    package func verdict(at now: Moment = .now) -> HealthVerdict {
        let state = state.withLock { $0 }
        var verdict = HealthVerdict(now: now, eligibility: state.eligibility)
        let works = state.works(at: now)
        verdict.families = state.families.sorted { $0.key < $1.key }.map { family, known in
            let waited = known.oldestPending.map { now.seconds(since: $0) } ?? 0
            return .init(
                family: family,
                lastUpdated: known.lastUpdated,
                pendingSeconds: waited,
                isHealthy: works || waited < state.deadline.inSeconds,
                isProgrammed: known.isProgrammed,
                problem: known.problem
            )
        }
        verdict.sources = state.sources.sorted { $0.key < $1.key }.map { name, source in
            let known = source.silence(
                at: now,
                patience: state.deadline,
                whileWorking: works
            )
            return .init(
                name: name,
                silentSeconds: now.seconds(since: source.heard),
                isStale: source.staleAfter.map { known >= $0.inSeconds } ?? false,
                problem: source.problem
            )
        }
        if let beat = state.beat {
            let worked = state.worked.map { now.seconds(since: $0) } ?? .infinity
            let silent = min(now.seconds(since: beat), worked)
            verdict.isHung = silent >= state.deadline.inSeconds
        }
        return verdict
    }
}

/// The health at one moment.
package struct HealthVerdict: Sendable {
    package struct Family: Sendable {
        package var family: IPFamily
        package var lastUpdated: Moment
        /// How long the oldest pending change has waited; 0 without one.
        package var pendingSeconds: Double
        package var isHealthy: Bool
        /// A pass has succeeded since the start.
        package var isProgrammed: Bool
        /// Why the last pass failed, if it did.
        package var problem: String?

        fileprivate var reason: String { problem.map { " (\($0))" } ?? "" }
    }

    package struct Source: Sendable {
        package var name: String
        package var silentSeconds: Double
        package var isStale: Bool
        /// Why it is silent, if known.
        package var problem: String?
    }

    package var now: Moment
    package var eligibility: NodeEligibility
    package var families: [Family] = []
    package var sources: [Source] = []
    /// The loop, or the kernel call it waits for, does not return.
    package var isHung = false

    /// False if a restart would help; the result of `/livez`.
    package var isLive: Bool { !isHung && families.allSatisfy(\.isHealthy) }
    /// Live, and every family has been programmed once; the result of `/readyz`. A restart would
    /// not bring the sources that the first pass waits for.
    package var isReady: Bool { isLive && families.allSatisfy(\.isProgrammed) }
    /// Ready, and no source is stale. A restart would not help against that, and would lose what is
    /// known.
    package var isHealthy: Bool { isReady && !sources.contains(where: \.isStale) }

    /// What is unhealthy, one line each.
    package var problems: [String] {
        var problems: [String] = []
        if isHung { problems.append("the dataplane does not respond") }
        for family in families where !family.isHealthy {
            problems.append(
                "\(family.family.rawValue): a change has been pending for \(Int(family.pendingSeconds)) s\(family.reason)"
            )
        }
        for family in families where family.isHealthy && !family.isProgrammed {
            problems.append(
                "\(family.family.rawValue): not programmed since the start\(family.reason)"
            )
        }
        for source in sources where source.isStale {
            let reason = source.problem.map { " (\($0))" } ?? ""
            problems.append(
                "source \(source.name): silent for \(Int(source.silentSeconds)) s\(reason)"
            )
        }
        return problems
    }
}
