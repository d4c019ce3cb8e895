import Foundation
import Glibc
import NamespaceLab
import Testing

extension KernelSuites {
    /// A container whose root is not the host's: sockets have no more room than the host permits.
    @Suite("User namespace")
    struct UserNamespaceTests {
        @Test("A transaction of several hundred kilobytes goes through, and the kernel holds it")
        func largeTransaction() throws {
            let directory =
                FileManager.default.temporaryDirectory.path + "/fairlead-user-\(getpid())"
            try FileManager.default.createDirectory(
                atPath: directory + "/services.d",
                withIntermediateDirectories: true
            )
            defer { try? FileManager.default.removeItem(atPath: directory) }
            try LifeScript.ballast(3000).write(
                toFile: directory + "/services.d/services.yaml",
                atomically: true,
                encoding: .utf8
            )
            let configuration = directory + "/fairlead.yaml"
            try """
            node: {name: node-a, addresses: [192.0.2.1]}
            mode: nftables
            families: [IPv4]
            sources: {files: \(directory)/services.d, stateDirectory: ""}
            status: {socket: \(directory)/sock}

            """.write(toFile: configuration, atomically: true, encoding: .utf8)
            let script =
                "\"$0\" apply -c \"$1\" && exec \"$0\" plan --diff --exit-code -c \"$1\""
            let result = try LabCommand.result(
                [
                    "unshare", "--user", "--map-root-user", "--net", "sh", "-c", script,
                    BuiltProgram.fairlead, configuration,
                ],
                Deadline(in: .seconds(120))
            )
            #expect(result.status == 0, "\(result.output.suffix(1000))")
        }
    }
}
