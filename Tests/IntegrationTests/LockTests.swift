import Foundation
import Glibc
import NamespaceLab
import Testing

extension KernelSuites {
    /// Another program holds the lock of iptables for longer than the daemon waits.
    @Suite("Lock of iptables")
    struct LockTests {
        @Test("What the lock kept back comes when it is free, however long the pause for a retry")
        func released() throws {
            let fixture = try DaemonFixture()
            // Nothing but a look at the lock can bring the retry within an hour.
            try String(contentsOfFile: fixture.configuration, encoding: .utf8)
                .replacing("xtables.lock}", with: "xtables.lock, lockTimeout: 100ms}")
                .replacing(
                    "driftCheckInterval: 200ms",
                    with: "driftCheckInterval: 1h, retryInterval: 1h, maxRetryInterval: 1h"
                )
                .write(toFile: fixture.configuration, atomically: true, encoding: .utf8)
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            let lock = open("\(fixture.directory)/xtables.lock", O_RDONLY | O_CLOEXEC)
            defer { close(lock) }
            #expect(flock(lock, LOCK_EX) == 0)
            try fixture.write(LifeScript.web(2))
            try fixture.wait(for: "pass that fails for the lock") {
                fixture.log.contains("another program held the lock")
            }
            #expect(try LifeScript.answers(fixture) == ["pod1"])
            // The file stays open, so that no event tells of it.
            #expect(flock(lock, LOCK_UN) == 0)
            try fixture.waitUntilApplied()
            #expect(try LifeScript.answers(fixture) == ["pod2"])
            try fixture.stop()
        }
    }
}
