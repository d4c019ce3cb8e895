/// What a pass does.
package enum PassKind: Sendable, Equatable {
    /// Applies changes since the last pass.
    case incremental
    /// Applies them, but observes one family first: the one for which that is longest ago.
    case resync
    /// Observes the families whose state in the kernel is not known for sure.
    case full

    /// For metrics and status, which count a resync as incremental.
    package var label: String { self == .full ? "full" : "incremental" }
}

/// How a pass ended.
package enum PassOutcome: Sendable, Equatable {
    /// The kernel holds the plan.
    case succeeded
    /// The plan stands but for single objects: the kernel is looked at again soon, while changes go on
    /// as ever.
    case incomplete
    /// Changes wait for the repetition.
    case failed(Retry)

    /// When to repeat a pass that failed.
    package enum Retry: Sendable, Equatable {
        /// What is in the way goes by itself, such as a lock that another program holds.
        case soon
        /// Later each time.
        case backingOff
        /// As seldom as can be: somebody has to do something first.
        case slowly
    }
}
