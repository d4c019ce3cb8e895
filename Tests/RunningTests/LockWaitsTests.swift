import DaemonConfiguration
import Testing

@testable import Running

@Suite("LockWaits")
struct LockWaitsTests {
    @Test("Both families' waits for the lock take at most half of the watchdog's interval")
    func bound() {
        var configuration = DaemonConfiguration()
        configuration.iptables.lockTimeout = .seconds(60)
        let bounded = LockWaits(configuration, .seconds(30))
        #expect(bounded.configuration.iptables.lockTimeout == .milliseconds(7500))
        #expect(bounded.problem?.contains("iptables.lockTimeout") == true)
        configuration.iptables.lockTimeout = .seconds(5)
        #expect(LockWaits(configuration, .seconds(30)).configuration == configuration)
        #expect(LockWaits(configuration, .seconds(30)).problem == nil)
    }

    @Test("Without a watchdog the lock is waited for as long as configured")
    func noWatchdog() {
        var configuration = DaemonConfiguration()
        configuration.iptables.lockTimeout = .seconds(60)
        #expect(LockWaits(configuration, nil).configuration == configuration)
        #expect(LockWaits(configuration, nil).problem == nil)
    }
}
