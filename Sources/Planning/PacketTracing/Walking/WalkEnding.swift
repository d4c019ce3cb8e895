/// How a flow leaves a table, or a chain called by a hook.
enum WalkEnding: Hashable {
    case accepted
    case dropped
    case rejected
    case undecided
}

/// The limits of a walk.
struct WalkLimits {
    /// Nested chains.
    var depth: Int
    /// Flows times rules in the whole trace.
    var tests: Int
}
