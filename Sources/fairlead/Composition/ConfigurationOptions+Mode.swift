import DaemonConfiguration
import Dataplane
import DataplaneModel
import InstalledModes

extension ConfigurationOptions {
    /// The configuration for a command, as from `loadLikeDaemon`. Warnings and the chosen mode are printed to
    /// standard error.
    package func loadWithMode() throws -> DaemonConfiguration {
        try choosingMode(try loadLikeDaemon())
    }

    /// With a concrete mode in place of `auto`, which is printed to standard error.
    package func choosingMode(_ configuration: DaemonConfiguration) throws -> DaemonConfiguration {
        try withAdvice {
            try configuration.choosingMode { choice in
                complain("mode auto: \(choice.mode.rawValue), \(choice.reason)")
            }
        }
    }
}
