/// How a flow leaves a table, or a chain called by a hook.
enum WalkEnding: Hashable {
    case accepted
    case dropped
    case rejected
    case undecided
}
