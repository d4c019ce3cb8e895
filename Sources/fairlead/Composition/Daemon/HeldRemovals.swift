import DaemonConfiguration
import Reconciling

extension RemovalBrake.Settings {
    init(_ removals: DaemonConfiguration.Removals) {
        self.init(
            fraction: Double(removals.percent) / 100,
            minimum: removals.minimum,
            window: removals.window,
            holdTime: removals.holdTime
        )
    }
}

extension RemovalBrake.Hold {
    /// For log and status.
    var words: String {
        "\(services) of \(total) Services would be gone or without endpoints; they stay until the source recovers, `fairlead confirm`, or \(until - since) pass"
    }
}
