/// How a flow leaves a table, or a chain that a hook calls.
enum WalkEnding: Hashable {
    case accepted
    case dropped
    case rejected
    case undecided
}

/// Where a walk is cut short.
struct WalkLimits {
    /// Chains within chains.
    var depth: Int
    /// Flows times rules in the whole trace.
    var tests: Int
}
