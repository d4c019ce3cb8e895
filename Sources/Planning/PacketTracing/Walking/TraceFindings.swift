/// Findings of a trace, besides the steps.
struct TraceFindings {
    private(set) var problems: [TraceProblem] = []
    private var known: Set<TraceProblem> = []
    var title: String?
    var reason: String?
    var affinitySeconds: UInt32?
    /// Flows times rules so far.
    private var tests = 0

    /// Adds a problem once.
    mutating func report(_ problem: TraceProblem) {
        if known.insert(problem).inserted { problems.append(problem) }
    }

    /// Counts tests; false, and a problem, once there are more than `limit`.
    mutating func count(_ more: Int, limit: Int) -> Bool {
        let (sum, overflow) = tests.addingReportingOverflow(more)
        tests = overflow ? .max : sum
        if tests <= limit { return true }
        report(TraceProblem(.limit, "the trace stopped after \(limit) tests"))
        return false
    }
}
