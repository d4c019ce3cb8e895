import Foundation
import Glibc
import NamespaceLab
import Testing

extension KernelSuites {
    /// What keeps the daemon from doing what it was asked to, where a person looks first.
    @Suite("Issues of the status")
    struct StatusIssueTests {
        @Test("Missing manifests, state that cannot be saved, refused reloads, waiting restarts")
        func issues() throws {
            let fixture = try DaemonFixture(mode: "nftables", servers: false)
            let services = fixture.directory + "/services.d"
            try FileManager.default.removeItem(atPath: services)
            try "".write(
                toFile: fixture.directory + "/state",
                atomically: true,
                encoding: .utf8
            )
            try fixture.start()
            try status(
                fixture,
                has: "source: \(services): cannot be read: No such file or directory; retrying"
            )

            try FileManager.default.createDirectory(
                atPath: services,
                withIntermediateDirectories: true
            )
            try fixture.write(LifeScript.web(1))
            try fixture.waitUntilApplied()
            try status(
                fixture,
                has: "state: cannot keep copies of manifests for the next start: Not"
            )

            let good = try String(contentsOfFile: fixture.configuration, encoding: .utf8)
            try write(good + "masquerade: {all: maybe}\n", fixture)
            try status(fixture, has: "configuration: not reloaded: \(fixture.configuration):")
            try write(good + "families: [IPv4]\n", fixture)
            try status(
                fixture,
                has: "configuration: families: the change takes effect at the next start"
            )
            #expect(try !fixture.fairlead("status").output.contains("not reloaded"))
            try write(good, fixture)
            try fixture.wait(for: "end of the issue") {
                try !fixture.status().contains("configuration:")
            }
            try fixture.stop()
        }

        private func write(_ text: String, _ fixture: DaemonFixture) throws {
            try text.write(toFile: fixture.configuration, atomically: true, encoding: .utf8)
        }

        private func status(_ fixture: DaemonFixture, has text: String) throws {
            try fixture.wait(for: "status with \(text)") { try fixture.status().contains(text) }
        }
    }
}

extension DaemonFixture {
    /// Whatever the configuration file says by now.
    fileprivate func status() throws -> String {
        try LabCommand.result(
            [BuiltProgram.fairlead, "status", "--socket", "\(directory)/fairlead.sock"],
            Deadline(in: .seconds(60))
        ).output
    }
}
