import DaemonConfiguration
import Dataplane
import DataplaneModel
import InstalledModes

extension ConfigurationOptions {
    /// The configuration for a command that ends, as `loadLikeDaemon` finds it: what was odd, and the
    /// chosen mode, are told on standard error.
    package func loadWithMode() throws -> DaemonConfiguration {
        try choosingMode(try loadLikeDaemon())
    }

    /// With a mode that is one, which is told on standard error.
    package func choosingMode(_ configuration: DaemonConfiguration) throws -> DaemonConfiguration {
        try withAdvice {
            try configuration.choosingMode { choice in
                complain("mode auto: \(choice.mode.rawValue), \(choice.reason)")
            }
        }
    }
}
