import Addressing
import Foundation
import Glibc
import KubernetesTestServer
import NamespaceLab
import ServiceModel
import Testing

/// Services that claim another node's address, in the output of commands; what becomes of packets is
/// looked at in User-mode Linux.
@Suite("Another node's address")
struct OtherNodeTests {
    private static let address = "192.0.2.77"

    private func cluster() -> TestCluster {
        let cluster = TestCluster()
        let addresses = [IPAddress(Self.address)].compactMap { $0 }
        let own = ["192.0.2.1"].compactMap { IPAddress($0) }
        cluster.put([
            .node(ClusterNode(name: "node-a", addresses: own)),
            .node(ClusterNode(name: "node-b", addresses: addresses)),
            .service(
                Service(
                    name: ServiceName(namespace: "shop", name: "web"),
                    clusterIPs: ["10.96.0.40"].compactMap { IPAddress($0) },
                    ports: [80].compactMap { PortNumber($0) }.map { ServicePort(port: $0) },
                    externalIPs: addresses + ["192.0.2.78"].compactMap { IPAddress($0) }
                )
            ),
        ])
        return cluster
    }

    @Test("In ipvs mode it is not bound, and said before anything is programmed")
    func commands() async throws {
        let server = KubernetesTestServer(cluster())
        let directory =
            "\(FileManager.default.temporaryDirectory.path)/fairlead-other-\(getpid())"
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try LifeCluster.kubeconfig(try await server.start()).write(
            toFile: "\(directory)/kubeconfig",
            atomically: true,
            encoding: .utf8
        )
        let words = "not bound here, as other nodes have them: \(Self.address) of node-b;"
        for mode in ["ipvs", "nftables"] {
            let configuration = "\(directory)/\(mode).yaml"
            try """
            mode: \(mode)
            families: [IPv4]
            node: {name: node-a}
            sources: {files: "", kubernetes: {kubeconfig: \(directory)/kubeconfig}}

            """.write(toFile: configuration, atomically: true, encoding: .utf8)
            let plan = try run("plan", configuration)
            let check = try run("check", configuration)
            for text in [plan, check] {
                #expect(text.contains(words) == (mode == "ipvs"), "\(mode): \(text)")
            }
            guard mode == "ipvs" else { continue }
            let bound = plan.split(separator: "\n").filter { $0.contains("FAIRLEAD-4-VIP 192") }
            #expect(bound == ["add FAIRLEAD-4-VIP 192.0.2.78"], "\(plan)")
            #expect(plan.contains("-A -t \(Self.address):80 "), "\(plan)")
        }
        let lists = server.requests.filter {
            $0.path == "/api/v1/nodes" && $0.query["fieldSelector"] == nil
        }
        // By the two commands in ipvs mode.
        #expect(lists.count == 2)
        await server.stop()
    }

    /// What a command prints, standard error included.
    private func run(_ command: String, _ configuration: String) throws -> String {
        try LabCommand.result(
            [
                "sh", "-c", "\"$0\" \"$@\" 2>&1", BuiltProgram.fairlead, command, "-c",
                configuration,
            ],
            Deadline(in: .seconds(60))
        ).output
    }
}
