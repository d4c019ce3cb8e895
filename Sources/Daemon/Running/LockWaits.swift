import DaemonConfiguration

/// Keeps waits for the xtables lock short beside the watchdog's interval: the dataplane's thread gives no sign
/// of life while it waits, which it may do once for each IP family in a pass.
struct LockWaits {
    private(set) var configuration: DaemonConfiguration
    /// That the configured time is too long.
    private(set) var problem: String?

    /// Nil for no watchdog.
    init(_ configuration: DaemonConfiguration, _ watchdog: Duration?) {
        self.configuration = configuration
        guard let watchdog else { return }
        // Two families take half of the interval then.
        let longest = watchdog / 4
        let wanted = configuration.iptables.lockTimeout
        guard wanted > longest else { return }
        self.configuration.iptables.lockTimeout = longest
        problem =
            "iptables.lockTimeout: \(wanted) is too long for a watchdog of \(watchdog), so it is \(longest)"
    }
}
