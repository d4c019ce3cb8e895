/// Findings of a trace, besides the steps.
struct TraceFindings {
    private(set) var problems: [TraceProblem] = []
    private var known: Set<TraceProblem> = []
    var title: String?
    var reason: String?
    var affinitySeconds: UInt32?
    /// Flows times rules so far.
    var tests = 0

    /// Adds a problem once.
    mutating func report(_ problem: TraceProblem) {
        if known.insert(problem).inserted { problems.append(problem) }
    }
}
