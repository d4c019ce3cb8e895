import Addressing
import Foundation
import Glibc
import NamespaceLab
import Testing

extension KernelSuites {
    /// The daemon and its configuration file.
    @Suite("Configuration while running")
    struct ConfigurationFollowTests {
        @Test("A change is taken up by itself, and one with a mistake takes nothing away")
        func change() throws {
            let fixture = try DaemonFixture(servers: false)
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            let before = try fixture.rules(.ipv4)
            let good = try String(contentsOfFile: fixture.configuration, encoding: .utf8)

            try write(good + "masquerade: {all: maybe}\n", fixture)
            try wait(fixture) { $0.log.contains("Configuration not reloaded") }
            #expect(fixture.log.contains("masquerade.all: must be true or false"))
            #expect(try fixture.rules(.ipv4) == before)

            // As a full disk leaves it: the defaults would open what it had closed.
            try write("", fixture)
            try wait(fixture) { $0.log.contains("is empty, and may be half-written") }
            #expect(try fixture.rules(.ipv4) == before)

            try write(good + "masquerade: {all: true}\n", fixture)
            try wait(fixture) { $0.log.contains("Configuration reloaded") }
            try fixture.waitUntilApplied()
            #expect(try fixture.rules(.ipv4) != before)

            try write(good, fixture)
            try wait(fixture) { try $0.rules(.ipv4) == before }
            try fixture.stop()
        }

        @Test("A pipe in the place of the configuration is named, and not waited for")
        func pipe() throws {
            let fixture = try DaemonFixture(servers: false)
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            let good = try String(contentsOfFile: fixture.configuration, encoding: .utf8)
            #expect(unlink(fixture.configuration) == 0)
            #expect(mkfifo(fixture.configuration, 0o600) == 0)
            try wait(fixture) {
                $0.log.contains("\(fixture.configuration): cannot be read: not a regular file")
            }
            try fixture.write(LifeScript.web(2))
            let second = "\(LabAddresses.pod(2, .ipv4)):8080"
            try wait(fixture) { try $0.rules(.ipv4).contains { $0.contains(second) } }
            // The same file again ends it.
            #expect(unlink(fixture.configuration) == 0)
            try good.write(toFile: fixture.configuration, atomically: true, encoding: .utf8)
            try wait(fixture) { try !$0.fairlead("status").output.contains("not reloaded") }
            try fixture.stop()
        }

        @Test("Of a change, what takes a restart is named and waits, and the rest counts at once")
        func restart() throws {
            let fixture = try DaemonFixture(servers: false)
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            let before = try fixture.rules(.ipv4)
            let good = try String(contentsOfFile: fixture.configuration, encoding: .utf8)
            let change =
                "ipvs: {drainTimeout: 1m}\nmasquerade: {all: true}\nlog: {level: warning}\n"
            try write(good + change, fixture)
            try wait(fixture) { try $0.rules(.ipv4) != before }
            let waiting = "Change requires a restart field=ipvs.drainTimeout"
            #expect(fixture.log.contains(waiting))
            // Both times: it is still the old value that counts.
            try write(good + change + "nodePorts: {localhost: true}\n", fixture)
            try wait(fixture) { $0.log.components(separatedBy: waiting).count == 3 }
            #expect(fixture.log.components(separatedBy: "Configuration reloaded").count <= 2)
            try fixture.stop()
        }

        @Test(
            "A manifest and a configuration that are mounted by themselves are followed at their other paths"
        )
        func mounted() throws {
            let fixture = try DaemonFixture(servers: false)
            try fixture.write("services: []\n")
            let manifest = fixture.directory + "/outside.yaml"
            let configuration = fixture.directory + "/outside-fairlead.yaml"
            func write(_ text: String, _ path: String) throws {
                try text.write(toFile: path, atomically: false, encoding: .utf8)
            }
            let good = try String(contentsOfFile: fixture.configuration, encoding: .utf8)
                .replacing("/services.d\n", with: "/services.d/services.yaml\n")
            try write(good, configuration)
            try write(LifeScript.web(1), manifest)
            try fixture.start(mounting: [
                manifest: fixture.directory + "/services.d/services.yaml",
                configuration: fixture.configuration,
            ])
            func serves(_ pod: Int) throws -> Bool {
                try fixture.rules(.ipv4).contains {
                    $0.contains("\(LabAddresses.pod(pod, .ipv4)):8080")
                }
            }
            try wait(fixture) { _ in try serves(1) }
            for pod in [2, 3] {
                try write(LifeScript.web(pod), manifest)
                try wait(fixture) { _ in try serves(pod) }
            }
            try write(good + "masquerade: {all: true}\n", configuration)
            try wait(fixture) { $0.log.contains("Configuration reloaded") }
            try fixture.stop()
        }

        /// In place, as some editors and most scripts do.
        private func write(_ text: String, _ fixture: DaemonFixture) throws {
            try text.write(toFile: fixture.configuration, atomically: false, encoding: .utf8)
        }

        private func wait(
            _ fixture: DaemonFixture,
            until condition: (DaemonFixture) throws -> Bool
        ) throws {
            try fixture.wait(for: "effect of the change") { try condition(fixture) }
        }
    }
}
