package import DaemonConfiguration

/// Why the configuration is read again.
package enum ReloadCause: Sendable {
    /// SIGHUP.
    case signal
    /// The file's content has changed.
    case fileChanged
}

/// The result of reading the configuration.
package enum LoadOutcome: Sendable, Equatable {
    case loaded(LoadedConfiguration)
    /// The reason, in one line.
    case refused(String)

    package init(_ load: () throws -> LoadedConfiguration) {
        do {
            self = .loaded(try load())
        } catch {
            self = .refused("\(error)")
        }
    }
}

/// The last reload. A signal, and the change of the file that it was sent for, arrive shortly after each
/// other, in either order, and count as one reload.
struct LastReload: Sendable {
    private static let window = Duration.seconds(5)

    private(set) var outcome: LoadOutcome
    private var cause = ReloadCause.signal
    private var at: ContinuousClock.Instant

    init(_ outcome: LoadOutcome, at now: ContinuousClock.Instant) {
        self.outcome = outcome
        at = now
    }

    /// Whether the other cause brought the same outcome just before.
    func isSame(
        _ outcome: LoadOutcome,
        _ cause: ReloadCause,
        at now: ContinuousClock.Instant
    ) -> Bool {
        outcome == self.outcome && [cause, self.cause].contains(.fileChanged)
            && now - at < Self.window
    }

    mutating func note(
        _ outcome: LoadOutcome,
        _ cause: ReloadCause,
        at now: ContinuousClock.Instant
    ) {
        (self.outcome, self.cause, at) = (outcome, cause, now)
    }
}
