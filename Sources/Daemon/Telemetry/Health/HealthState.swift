package import Addressing
import Synchronization

/// Whether the node's own Node object lets it take traffic from load balancers.
package enum NodeEligibility: Sendable, Equatable {
    /// There is no cluster, and so no such object.
    case notAsked
    /// It is to be found, and is not there.
    case unknown
    /// It has a deletion timestamp.
    case deleted
    /// `ToBeDeletedByClusterAutoscaler`.
    case tainted
    case eligible

    package var isEligible: Bool { self == .notAsked || self == .eligible }

    package static let taint = "ToBeDeletedByClusterAutoscaler"
}

/// What is known about the daemon's own health. Everything is told by who knows, and judged by the
/// clock of who asks, so that a hang shows.
package final class HealthState: Sendable {
    /// How a source of Services fares.
    private struct Source {
        var heard: Moment
        var staleAfter: Duration?
        var problem: String?
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
        var deadline: Duration
    }

    private let state: Mutex<State>

    /// - Parameter deadline: how long a change may wait, or the daemon's loop be silent, before that
    ///   counts as ill: kube-proxy's 2 × sync period.
    package init(deadline: Duration = .seconds(60)) {
        state = Mutex(State(deadline: deadline))
    }

    // MARK: - News

    /// The loop begins; these families are served, once a pass has programmed them.
    package func start(_ families: [IPFamily], at now: Moment = .now) {
        state.withLock { state in
            state.beat = now
            for family in families { state.families[family] = Family(lastUpdated: now) }
        }
    }

    package func setDeadline(_ deadline: Duration) {
        state.withLock { $0.deadline = deadline }
    }

    /// There is something to program.
    package func queued(at now: Moment = .now) {
        state.withLock { state in
            for family in state.families.keys where state.families[family]?.oldestPending == nil {
                state.families[family]?.oldestPending = now
            }
        }
    }

    /// A pass failed in the family: what it was for waits on, even if that was no change.
    /// `problem` says why.
    package func failed(_ family: IPFamily, began: Moment, problem: String? = nil) {
        state.withLock { state in
            state.families[family]?.problem = problem
            if state.families[family]?.oldestPending == nil {
                state.families[family]?.oldestPending = began
            }
        }
    }

    /// All there was to program in the family when the pass `began` is programmed.
    package func updated(_ family: IPFamily, began: Moment, at now: Moment = .now) {
        state.withLock { state in
            state.families[family]?.lastUpdated = now
            state.families[family]?.isProgrammed = true
            state.families[family]?.problem = nil
            guard let pending = state.families[family]?.oldestPending else { return }
            // What came in the meantime waits since then at most.
            state.families[family]?.oldestPending =
                pending.instant <= began.instant ? nil : pending
        }
    }

    /// The daemon's loop and the dataplane thread are alive.
    package func beat(at now: Moment = .now) {
        state.withLock { $0.beat = now }
    }

    /// A source gave a sign of life. It is stale if none comes within `staleAfter`; nil trusts it.
    /// `problem` says why none may come, if that is known.
    package func heard(
        _ source: String,
        staleAfter: Duration?,
        problem: String? = nil,
        at now: Moment = .now
    ) {
        state.withLock {
            $0.sources[source] = Source(heard: now, staleAfter: staleAfter, problem: problem)
        }
    }

    package func setEligibility(_ eligibility: NodeEligibility) {
        state.withLock { $0.eligibility = eligibility }
    }

    // MARK: - Judgement

    package func verdict(at now: Moment = .now) -> HealthVerdict {
        let state = state.withLock { $0 }
        var verdict = HealthVerdict(now: now, eligibility: state.eligibility)
        verdict.families = state.families.sorted { $0.key < $1.key }.map { family, known in
            let waited = known.oldestPending.map { now.seconds(since: $0) } ?? 0
            return .init(
                family: family,
                lastUpdated: known.lastUpdated,
                pendingSeconds: waited,
                isHealthy: waited < state.deadline.inSeconds,
                isProgrammed: known.isProgrammed,
                problem: known.problem
            )
        }
        verdict.sources = state.sources.sorted { $0.key < $1.key }.map { name, source in
            let silent = now.seconds(since: source.heard)
            return .init(
                name: name,
                silentSeconds: silent,
                isStale: source.staleAfter.map { silent >= $0.inSeconds } ?? false,
                problem: source.problem
            )
        }
        if let beat = state.beat {
            verdict.isHung = now.seconds(since: beat) >= state.deadline.inSeconds
        }
        return verdict
    }
}

/// A judgement of one moment.
package struct HealthVerdict: Sendable {
    package struct Family: Sendable {
        package var family: IPFamily
        package var lastUpdated: Moment
        /// How long the oldest change has waited; 0 without one.
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
        /// Why it gives no sign of life, if that is known.
        package var problem: String?
    }

    package var now: Moment
    package var eligibility: NodeEligibility
    package var families: [Family] = []
    package var sources: [Source] = []
    /// The loop, or the kernel call it waits for, does not end.
    package var isHung = false

    /// A restart would help if not: what `/livez` asks.
    package var isLive: Bool { !isHung && families.allSatisfy(\.isHealthy) }
    /// Besides, every family has been programmed once: what `/readyz` asks. A restart would not
    /// bring the sources that the first pass waits for.
    package var isReady: Bool { isLive && families.allSatisfy(\.isProgrammed) }
    /// Besides, no source is stale. A restart would not help with that, and lose what is known.
    package var isHealthy: Bool { isReady && !sources.contains(where: \.isStale) }

    /// What is wrong, in words.
    package var problems: [String] {
        var problems: [String] = []
        if isHung { problems.append("the dataplane does not answer") }
        for family in families where !family.isHealthy {
            problems.append(
                "\(family.family.rawValue): a change has waited \(Int(family.pendingSeconds)) s\(family.reason)"
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
