/// What became of all connections, judged by what was wrong at the time. Times are microseconds.
package struct Ledger {
    /// For so long after a change the endpoints before it may answer new connections, where nothing keeps the daemon
    /// from it.
    package static let grace = 3_000_000

    /// A stretch in which the daemon had changes or faults to deal with.
    package struct Window {
        package var start: Int
        package var end: Int
        /// From when on the kernel itself could not answer; nil if it could all the time.
        package var broken: Int?
        /// From when on changes had to wait; nil if none had.
        package var hindered: Int?
        package var name: String

        package init(_ name: String, start: Int) {
            (self.name, self.start, end) = (name, start, .max)
        }

        /// A fault begins.
        package mutating func begin(_ fault: any FaultTraits, at time: Int) {
            if fault.breaks { broken = broken ?? time }
            if fault.hinders { hindered = hindered ?? time }
        }
    }

    private let targets: [[String]]
    private let grace: Int
    private(set) package var made = 0
    private(set) package var long = 0
    private(set) package var failed: [String] = []
    private(set) package var wrong: [String] = []
    /// Answered after the first packet had to be repeated.
    private(set) package var late: [String] = []
    /// Failures while the kernel lacked what answers, by the fault.
    private(set) package var excused: [String: Int] = [:]
    /// Up to when connections failed in the window that is judged last, after it broke.
    private(set) package var outage = 0
    /// The longest time after which an endpoint that had left was still given to a connection, while nothing kept the
    /// daemon from it.
    private(set) package var stalest = 0
    private var windows: [Window] = []

    /// - Parameters:
    ///   - targets: of each Service, where clients connect to.
    ///   - slowness: how many times as much time changes have; for a slow machine.
    package init(targets: [[String]], slowness: Int = 1) {
        self.targets = targets
        grace = Self.grace * slowness
    }

    /// What follows is judged with this window, too.
    package mutating func add(_ window: Window) {
        windows.append(window)
        // No connection lasts longer than a minute.
        windows.removeAll { $0.end < window.start - 60_000_000 }
        outage = 0
    }

    /// Counts a connection. Returns what is wrong with it; nil if nothing is, or the kernel is to
    /// blame.
    package mutating func judge(_ outcome: Outcome, _ history: EndpointHistory) -> String? {
        made += 1
        if outcome.isLost || outcome.ended - outcome.began > 9_000_000 { long += 1 }
        let service = service(of: outcome.target)
        let hindrance = hindrance(at: outcome)
        let allowed = history.endpoints(
            of: service,
            from: min(outcome.began - grace, hindrance ?? .max),
            to: outcome.decided
        )
        let broken = brokenWindow(at: outcome)
        if let pod = outcome.pod {
            // A refusal while connect(2) holds the socket is lost, and the next try may be answered.
            if outcome.isLate, broken == nil, !allowed.contains([]) {
                late.append(line(outcome, allowed))
            }
            guard allowed.contains(where: { $0.contains(pod) }) else {
                wrong.append(line(outcome, allowed))
                return wrong.last
            }
            if hindrance == nil { noteAbsence(of: pod, from: service, outcome, history) }
            return nil
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

    private mutating func noteAbsence(
        of pod: Int,
        from service: Int,
        _ outcome: Outcome,
        _ history: EndpointHistory
    ) {
        // One that came while the connection was made had not left.
        let present = history.endpoints(of: service, from: outcome.began, to: outcome.decided)
        guard !present.contains(where: { $0.contains(pod) }) else { return }
        stalest = max(stalest, history.absence(of: pod, from: service, at: outcome.began) ?? 0)
    }

    private func service(of target: Int) -> Int {
        var first = 0
        for (service, own) in targets.enumerated() {
            first += own.count
            if target < first { return service }
        }
        preconditionFailure("no target \(target)")
    }

    /// From when on changes that this connection depends on had to wait; nil if they had not.
    private func hindrance(at outcome: Outcome) -> Int? {
        windows.filter { outcome.began - grace <= $0.end }.compactMap(\.hindered)
            .filter { $0 <= outcome.decided }.min()
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
        let target = targets.flatMap(\.self)[outcome.target]
        let pods = allowed.map { "\($0.sorted())" }.joined(separator: " ")
        let fault = windows.last { $0.start <= outcome.ended && outcome.began <= $0.end }
        return "\(outcome.client) to \(target) at \(outcome.began): "
            + "\(outcome.text) after \((outcome.ended - outcome.began) / 1000) ms, "
            + "pods \(pods), during \(fault?.name ?? "nothing")"
    }
}
