/// What became of all connections, judged by what was wrong at the time.
struct Ledger {
    /// A stretch in which the daemon had changes or faults to deal with.
    struct Window {
        var start: Int
        var end: Int
        /// From when on the kernel itself could not answer; nil if it could all the time.
        var broken: Int?
        var name: String
    }

    private(set) var made = 0
    private(set) var long = 0
    private(set) var failed: [String] = []
    private(set) var wrong: [String] = []
    /// Answered after the first packet had to be repeated.
    private(set) var late: [String] = []
    /// Failures while the kernel lacked what answers, by the fault.
    private(set) var excused: [String: Int] = [:]
    /// Up to when connections failed in the window that is judged last, in microseconds after it broke.
    private(set) var outage = 0
    private var windows: [Window] = []

    /// What follows is judged with this window, too.
    mutating func add(_ window: Window) {
        windows.append(window)
        // No connection lasts longer than a minute.
        windows.removeAll { $0.end < window.start - 60_000_000 }
        outage = 0
    }

    /// Counts a connection. Returns what is wrong with it; nil if nothing is, or the kernel is to
    /// blame.
    mutating func judge(_ outcome: Outcome, _ cluster: SoakCluster) -> String? {
        made += 1
        let service = outcome.target / (SoakService(number: 0).targets.count)
        if outcome.isLost || outcome.ended - outcome.began > 9_000_000 { long += 1 }
        let overlapping = windows.filter {
            $0.start <= (outcome.answered ?? outcome.ended) && outcome.began <= $0.end
        }
        let start = min(outcome.began, overlapping.map(\.start).min() ?? .max)
        let allowed = cluster.endpoints(
            of: service,
            from: start,
            to: outcome.answered ?? outcome.ended
        )
        let broken = brokenWindow(at: outcome)
        if let pod = outcome.pod {
            // A refusal while connect(2) holds the socket is lost, and the next try may be answered.
            if outcome.isLate, broken == nil, !allowed.contains([]) {
                late.append(line(outcome, allowed))
            }
            guard !allowed.contains(where: { $0.contains(pod) }) else { return nil }
            wrong.append(line(outcome, allowed))
            return wrong.last
        }
        if outcome.isRefusal, allowed.contains([]) { return nil }
        if let broken {
            excused[broken.name, default: 0] += 1
            outage = max(outage, outcome.began - (broken.broken ?? 0))
            return nil
        }
        failed.append(line(outcome, allowed))
        return failed.last
    }

    private func brokenWindow(at outcome: Outcome) -> Window? {
        // A long connection is lost when a line does not come back for four seconds.
        let start = outcome.isLost ? outcome.ended - 5_000_000 : outcome.began
        return windows.last { window in
            guard let broken = window.broken else { return false }
            return broken <= outcome.ended && start <= window.end
        }
    }

    private func line(_ outcome: Outcome, _ allowed: [Set<Int>]) -> String {
        let targets = (0..<SoakService.count).flatMap { SoakService(number: $0).targets }
        let pods = allowed.map { "\($0.sorted())" }.joined(separator: " ")
        let fault = windows.last { $0.start <= outcome.ended && outcome.began <= $0.end }
        return "\(outcome.client) to \(targets[outcome.target]) at \(outcome.began): "
            + "\(outcome.text) after \((outcome.ended - outcome.began) / 1000) ms, "
            + "pods \(pods), during \(fault?.name ?? "nothing")"
    }
}
