/// What a pass does.
package enum PassKind: Sendable, Equatable {
    /// Applies changes since the last pass.
    case incremental
    /// Applies them too, but first observes the family that was observed longest ago.
    case resync
    /// Observes the families whose state in the kernel is uncertain.
    case full

    /// For metrics and status, which count a resync as incremental.
    package var label: String { self == .full ? "full" : "incremental" }
}

/// How a pass ended.
package enum PassOutcome: Sendable, Equatable {
    /// The kernel holds the plan.
    case succeeded
    /// The kernel holds the plan except for single objects: it is observed again soon, and changes are
    /// applied meanwhile.
    case incomplete
    /// Changes wait for the retry.
    case failed(Retry)

    /// When to repeat a pass that failed.
    package enum Retry: Sendable, Equatable {
        /// The obstacle goes away by itself, such as a lock that another program holds.
        case soon
        /// Later each time.
        case backingOff
        /// At the longest interval: an administrator has to act first.
        case slowly
    }
}
