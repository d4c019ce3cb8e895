import Addressing
import Foundation
import Glibc
import NamespaceLab
import Testing

extension KernelSuites {
    /// Another program holds the lock of iptables for longer than the daemon waits.
    @Suite("Lock of iptables")
    struct LockTests {
        private func configure(
            _ fixture: DaemonFixture,
            lockTimeout: String,
            reconcile: String = "driftCheckInterval: 200ms, retryInterval: 10ms"
        ) throws {
            try String(contentsOfFile: fixture.configuration, encoding: .utf8)
                .replacing("xtables.lock}", with: "xtables.lock, lockTimeout: \(lockTimeout)}")
                .replacing("driftCheckInterval: 200ms", with: reconcile)
                .write(toFile: fixture.configuration, atomically: true, encoding: .utf8)
        }

        /// Holds the lock until the descriptor is closed.
        private func hold(_ fixture: DaemonFixture) throws -> Int32 {
            let path = "\(fixture.directory)/xtables.lock"
            let lock = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0o600)
            guard lock >= 0, flock(lock, LOCK_EX) == 0 else {
                throw LabError("\(path): \(String(cString: strerror(errno)))")
            }
            return lock
        }

        private func routeLocalnet(_ fixture: DaemonFixture) throws -> String {
            try fixture.run(["cat", "/proc/sys/net/ipv4/conf/all/route_localnet"])
                .filter { !$0.isWhitespace }
        }

        @Test(
            "cleanup that does not get the lock takes nothing that the rules left need, and says so"
        )
        func cleanup() throws {
            let fixture = try DaemonFixture()
            try configure(fixture, lockTimeout: "100ms")
            try fixture.write(
                LifeScript.web(1).replacing("port: 80,", with: "port: 80, nodePort: 30080,")
            )
            try fixture.start()
            try fixture.waitUntilApplied()
            try fixture.wait(for: "route_localnet") { try routeLocalnet(fixture) == "1" }
            try fixture.stop()
            // What no lock is in the way of.
            #expect(
                try fixture.fairlead("apply", "--mode", "nftables", "--family", "ipv6").status == 0
            )
            let local = "127.0.0.1:30080/tcp"
            func answers() throws -> [String] {
                try fixture.agent.connect(to: local, in: fixture.lab.node, count: 1)
                    .map { String($0.prefix { $0 != " " }) }
            }
            #expect(try answers() == ["pod1"])
            let lock = try hold(fixture)
            let refused = try fixture.fairlead("cleanup")
            #expect(refused.status == 1)
            let line =
                "IPv4: \(fixture.directory)/xtables.lock: flock failed: another program held the lock for longer than 0.1 seconds: process \(getpid()) ("
            #expect(refused.output.contains(line), "\(refused.output)")
            #expect(refused.output.contains("IPv4: nothing removed"))
            #expect(refused.output.contains(" of Fairlead removed"))
            #expect(refused.output.contains("run it again when that is mended"))
            #expect(try fixture.run(["nft", "list", "tables"]) == "")
            #expect(try routeLocalnet(fixture) == "1")
            #expect(try answers() == ["pod1"])
            close(lock)
            let done = try fixture.fairlead("cleanup")
            #expect(done.status == 0 && done.output.contains("route_localnet: off again"))
            #expect(try routeLocalnet(fixture) == "0")
            for family in IPFamily.allCases {
                #expect(try fixture.rules(family).allSatisfy { !$0.contains("FAIRLEAD") })
            }
        }

        @Test("cleanup leaves a running daemon alone")
        func cleanupBesideDaemon() throws {
            let fixture = try DaemonFixture(servers: false)
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            let rules = try fixture.rules(.ipv4)
            let refused = try fixture.fairlead("cleanup")
            #expect(refused.status == 1)
            let pid = try #require(fixture.daemon).pid
            #expect(refused.output.contains("the daemon runs (process \(pid))"))
            // By its socket, where its lock is elsewhere.
            let other = "\(fixture.directory)/other.yaml"
            try String(contentsOfFile: fixture.configuration, encoding: .utf8)
                .replacing("\(fixture.directory)/state", with: "\(fixture.directory)/other")
                .write(toFile: other, atomically: true, encoding: .utf8)
            let asked = try LabCommand.result([BuiltProgram.fairlead, "cleanup", "-c", other])
            #expect(asked.status == 1)
            #expect(asked.output.contains("the daemon runs (process \(pid))"))
            let mode = try fixture.fairlead("cleanup", "--mode", "ipvs")
            #expect(mode.status == 64 && mode.output.contains("the objects of all modes"))
            #expect(try fixture.rules(.ipv4) == rules)
            try fixture.stop()
            #expect(try fixture.fairlead("cleanup").status == 0)
        }

        @Test(
            "A daemon that waits for the lock names who holds it, says it once, and stops at once"
        )
        func stop() throws {
            let fixture = try DaemonFixture(servers: false)
            try configure(fixture, lockTimeout: "30s")
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            let lock = try hold(fixture)
            defer { close(lock) }
            try fixture.write(LifeScript.web(2))
            try fixture.wait(for: "word of the lock") {
                fixture.log.contains("Waiting for another program's lock on the rules")
            }
            #expect(fixture.log.contains("holder=\"process \(getpid()) ("))
            let start = ContinuousClock.now
            #expect(try fixture.stop() == 0)
            // It looks every 20 ms, and the rest of the limit is for a busy machine.
            #expect(ContinuousClock.now - start < .seconds(10))
            #expect(fixture.log.contains("Pass failed as the daemon is ending; the rules stay"))
            #expect(!fixture.log.contains("will retry"))
        }

        @Test("A lock that stays taken is one line and one for its end, and what it hid is drift")
        func repeated() throws {
            let fixture = try DaemonFixture(servers: false)
            try configure(fixture, lockTimeout: "100ms")
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            let lock = try hold(fixture)
            // Without the lock, as it is taken.
            let other = "XTABLES_LOCKFILE=\(fixture.directory)/other.lock"
            try LabCommand.run(
                ["env", other, "iptables-legacy", "-t", "nat", "-F"],
                in: fixture.lab.node
            )
            let failed = "fairlead_passes_total{kind=\"full\",result=\"failed\"}"
            try fixture.wait(for: "failures") { try fixture.sample(failed) >= 5 }
            close(lock)
            try fixture.waitUntilApplied()
            try fixture.wait(for: "the end") { fixture.log.contains("Passes succeed again") }
            #expect(fixture.log.components(separatedBy: "Pass failed, will retry").count == 2)
            #expect(fixture.log.contains("Repaired objects changed by another program"))
            #expect(try fixture.metric("fairlead_drift_repaired_total") > 0)
            try fixture.stop()
        }

        @Test("A second daemon is refused with the first's process, and takes over after kill -9")
        func secondDaemon() throws {
            let fixture = try DaemonFixture(servers: false)
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            let pid = try #require(fixture.daemon).pid
            let second = try fixture.fairlead("run")
            #expect(second.status == 1)
            #expect(
                second.output.contains(
                    "another Fairlead daemon runs in this network namespace: process \(pid), "
                )
            )
            // It has touched nothing of the first one's, whose socket still answers.
            #expect(try fixture.fairlead("status").output.contains("process \(pid)"))
            try fixture.stop(SIGKILL)
            try fixture.start()
            try fixture.waitUntilApplied()
            let next = try #require(fixture.daemon).pid
            #expect(try fixture.fairlead("status").output.contains("process \(next)"))
            try fixture.stop()
            let left = try FileManager.default
                .contentsOfDirectory(atPath: "\(fixture.directory)/state")
                .filter { $0.hasPrefix("daemon-") }
            #expect(left == [])
        }

        @Test("What the lock kept back comes when it is free, however long the pause for a retry")
        func released() throws {
            let fixture = try DaemonFixture()
            // Nothing but a look at the lock can bring the retry within an hour.
            try configure(
                fixture,
                lockTimeout: "100ms",
                reconcile: "driftCheckInterval: 1h, retryInterval: 1h, maxRetryInterval: 1h"
            )
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            let lock = try hold(fixture)
            defer { close(lock) }
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
