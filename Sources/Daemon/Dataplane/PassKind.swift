/// What a pass does.
package enum PassKind: Sendable, Equatable {
    /// Applies changes since the last pass.
    case incremental
    /// Applies them too. If there are none, it observes the family that was observed longest ago, which is given up
    /// for other work.
    case resync
    /// The same, whatever else there is to do: resyncs were given up for too long.
    case overdueResync
    /// Observes the families whose state in the kernel is uncertain, except those that failed: they are left alone
    /// until the retry, which is a full pass, and only take in what changes.
    case repair
    /// Observes the families whose state in the kernel is uncertain.
    case full

    /// Whether families whose state is uncertain are observed.
    package var repairs: Bool { self == .full || self == .repair }

    /// Whether one family is observed in turn.
    package var isResync: Bool { self == .resync || self == .overdueResync }

    /// For metrics and status, which count a resync as incremental.
    package var label: String { repairs ? "full" : "incremental" }
}

/// How a pass ended.
package enum PassOutcome: Sendable, Equatable {
    /// The kernel holds the plan.
    case succeeded
    /// The kernel holds the plan except for single objects: it is observed again soon, and changes are
    /// applied meanwhile.
    case incomplete
    /// A family could not be brought up to date, and its changes wait for the retry; with `partly` there are
    /// others, whose changes go on.
    case failed(Retry, partly: Bool = false)

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
