package import DaemonConfiguration

extension MassRemovalGuard.Settings {
    package init(_ removals: DaemonConfiguration.Removals) {
        self.init(
            fraction: Double(removals.percent) / 100,
            minimum: removals.minimum,
            window: removals.window,
            holdTime: removals.holdTime,
            holdsDeletions: removals.holdDeletions
        )
    }
}
