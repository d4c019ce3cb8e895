import KubernetesAPI
import TestSupport
import Testing

@testable import KubernetesClient

/// An API server at a made-up time: first a storm of faults, then all is well.
private struct ModelServer {
    struct Broken: Error {}

    /// What a question comes to, and how long that takes.
    enum Outcome {
        case failed(any Error)
        /// A list, or a watch-list up to the end of its list, after which it is cut.
        case listed
        /// A watch that brings something and then ends.
        case worked
        /// A watch-list or watch that stands: from here on all changes come.
        case stands
    }

    let stormEnd: Duration
    private let hasWatchList: Bool
    private let isOptional: Bool
    /// Watches from a version older than this one are refused.
    private var oldest = 0
    private(set) var version = 1
    private var generator: SplitMix64

    init(seed: UInt64, isOptional: Bool) {
        generator = SplitMix64(seed: seed)
        hasWatchList = seed % 3 > 0
        self.isOptional = isOptional
        stormEnd = .seconds(Int.random(in: 1...900, using: &generator))
    }

    private mutating func number(_ limit: Int) -> Int {
        Int.random(in: 0..<limit, using: &generator)
    }

    mutating func ask(
        _ step: ListWatchPlan.Step,
        at now: Duration
    ) -> (outcome: Outcome, takes: Duration) {
        version += number(3)
        if now < stormEnd {
            if number(8) == 0 { oldest = version }
            if number(5) > 0 { return fault(step, at: now) }
        }
        return good(step)
    }

    private mutating func fault(
        _ step: ListWatchPlan.Step,
        at now: Duration
    ) -> (Outcome, Duration) {
        let address = ServerAddress(host: "a", port: 1)
        let away = ConnectionFailure(server: address, reason: "away")
        func status(_ code: Int, _ after: Int? = nil) -> (Outcome, Duration) {
            (.failed(APIStatus(code: code, retryAfterSeconds: after)), .milliseconds(5))
        }
        switch number(12) {
        case 0...2: return (.failed(away), .milliseconds(1))
        case 3:
            // The kernel asks for a connection again after 1, 3 and 7 s, and we give up after 10.
            for pause in [1, 3, 7] where now + .seconds(pause) >= stormEnd {
                let (outcome, takes) = good(step)
                return (outcome, takes + .seconds(pause))
            }
            return (.failed(away), .seconds(10))
        case 4: return status(429, number(3))
        case 5: return status(503, 5)
        case 6: return status(401)
        case 7: return status(400)
        case 8: return (.failed(Broken()), .milliseconds(200))
        case 9:
            // A server refuses what it offers in its first seconds only.
            guard isOptional, now > stormEnd - .seconds(3) else { return status(500) }
            return status([403, 404][number(2)])
        case 10:
            if case .watch = step { return (.worked, .milliseconds(number(2000))) }
            if case .watchList = step { return (.listed, .milliseconds(200)) }
            return status(410)
        default: return status(500)
        }
    }

    private func good(_ step: ListWatchPlan.Step) -> (Outcome, Duration) {
        switch step {
        case .watchList:
            guard hasWatchList else {
                return (.failed(APIStatus(code: 422)), .milliseconds(5))
            }
            return (.stands, .milliseconds(300))
        case .list: return (.listed, .milliseconds(300))
        case .watch(let known):
            guard Int(known) ?? 0 >= oldest else {
                return (.failed(APIStatus(code: 410, reason: "Expired")), .milliseconds(5))
            }
            return (.stands, .milliseconds(5))
        }
    }

    /// The version that a list is of; beside a limit it is the one that was asked for.
    func version(of step: ListWatchPlan.Step) -> String {
        if case .list(let asked, inPages: true) = step, let exact = Int(asked), exact > 0 {
            return asked
        }
        return "\(version)"
    }
}

@Suite("Following a modelled API server")
struct FollowingModelTests {
    /// How long after the storm the changes come again.
    private func recovery(seed: UInt64) -> Duration {
        var generator = SplitMix64(seed: ~seed)
        let isOptional = seed % 4 == 0
        var server = ModelServer(seed: seed, isOptional: isOptional)
        var plan = ListWatchPlan(isOptional: isOptional, hasOptionalSelector: seed % 2 == 0)
        var pace = RequestPace(longestRest: .seconds(300))
        var now = Duration.zero
        while now < server.stormEnd + .seconds(600) {
            let step = plan.step(at: now)
            let (outcome, takes) = server.ask(step, at: now)
            now += takes
            let reaction: ListWatchPlan.Reaction
            var spent = Duration.zero
            switch outcome {
            case .failed(let error):
                if error is ConnectionFailure { spent = takes }
                reaction = plan.failed(step, error, at: now)
            case .listed:
                plan.listed(server.version(of: step))
                pace.found()
                if case .list = step { reaction = .askAgain } else { reaction = .askSoon }
            case .worked:
                plan.saw("\(server.version)")
                plan.worked()
                pace.worked()
                reaction = .askSoon
            case .stands:
                if now >= server.stormEnd { return now - server.stormEnd }
                if case .watchList = step { plan.listed("\(server.version)") }
                pace.found()
                plan.worked()
                pace.worked()
                now = min(server.stormEnd, now + .seconds(20))
                reaction = .askSoon
            }
            now += pace.wait(after: reaction, spent: spent, using: &generator)
        }
        return .seconds(600)
    }

    @Test("After any storm of faults the changes come again within 10 s")
    func storms() {
        let all = (0..<10_000).map { (seed: $0, took: recovery(seed: UInt64($0))) }
        let worst = all.max { $0.took < $1.took }
        #expect(worst.map { $0.took < .seconds(10) } == true, "\(String(describing: worst))")
    }
}
