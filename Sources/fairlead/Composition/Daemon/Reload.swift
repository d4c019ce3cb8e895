import DaemonConfiguration

/// Why the configuration is read again.
enum Reload: Sendable {
    /// Somebody asked for it, by SIGHUP.
    case asked
    /// The file holds something else than at the last look.
    case fileChanged
}

/// What came of reading the configuration.
enum LoadOutcome: Sendable, Equatable {
    case loaded(LoadedConfiguration)
    /// The reason, in one line.
    case refused(String)

    init(_ load: () throws -> LoadedConfiguration) {
        do {
            self = .loaded(try load())
        } catch {
            self = .refused("\(error)")
        }
    }
}
