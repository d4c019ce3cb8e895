import Foundation
import Glibc
import NamespaceLab
import Testing

extension KernelSuites {
    /// A host whose inotify instances are used up, which many are without knowing.
    @Suite("Manifests without inotify")
    struct InotifyTests {
        private static func manifest(_ services: Int) -> String {
            LifeScript.ballast(services)
        }

        @Test(
            "They are looked at every second and that is said once; if even that fails, health is red"
        )
        func exhaustion() throws {
            let directory =
                FileManager.default.temporaryDirectory.path + "/fairlead-inotify-\(getpid())"
            try FileManager.default.createDirectory(
                atPath: directory + "/services.d",
                withIntermediateDirectories: true
            )
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let file = directory + "/services.d/services.yaml"
            try Self.manifest(2).write(toFile: file, atomically: true, encoding: .utf8)
            try """
            node: {name: node-a, addresses: [192.0.2.1]}
            mode: nftables
            families: [IPv4]
            sources: {files: \(directory)/services.d, stateDirectory: ""}
            status: {socket: \(directory)/sock}

            """.write(toFile: directory + "/fairlead.yaml", atomically: true, encoding: .utf8)
            // The limit is one of the user namespace, without the watches of other ones.
            let daemon = try LabProcess([
                "unshare", "--user", "--map-root-user", "--net", "sh", "-c",
                "echo 0 >/proc/sys/user/max_inotify_instances && exec \"$0\" run -c \"$1\" >\"$2\" 2>&1",
                BuiltProgram.fairlead, directory + "/fairlead.yaml", directory + "/log",
            ])
            func log() -> String {
                (try? String(contentsOfFile: directory + "/log", encoding: .utf8)) ?? ""
            }
            func status(_ text: String) throws {
                let deadline = Deadline(in: .seconds(40))
                var last = ""
                while !deadline.hasPassed {
                    last = try LabCommand.result(
                        [BuiltProgram.fairlead, "status", "-c", directory + "/fairlead.yaml"]
                    ).output
                    if last.contains(text) { return }
                    usleep(100_000)
                }
                throw LabError("no \(text) in:\n\(last)\nlog:\n\(log())")
            }
            try status("IPv4       2 Services")
            try Self.manifest(3).write(toFile: file, atomically: true, encoding: .utf8)
            try status("IPv4       3 Services")
            try status("cannot be watched (fs.inotify.max_user_instances is exhausted)")
            #expect(
                log().split(separator: "\n").filter { $0.contains("cannot be watched") }.count == 1
            )
            try FileManager.default.moveItem(
                atPath: directory + "/services.d",
                toPath: directory + "/away"
            )
            try status("source files: silent for")
            try status("STALE")
            try status("IPv4       3 Services")
            try FileManager.default.moveItem(
                atPath: directory + "/away",
                toPath: directory + "/services.d"
            )
            try status("health     fine")
            daemon.signal(SIGTERM)
            #expect(try daemon.finish().status == 0)
        }
    }
}
