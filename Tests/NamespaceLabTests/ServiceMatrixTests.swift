import Addressing
import LabCluster
import NamespaceLab
import Testing

/// The rules that the check holds kernels against.
@Suite("ServiceMatrix")
struct ServiceMatrixTests {
    private func expectation(
        _ target: String,
        from client: CheckClient,
        nodes: Int = 2
    ) throws -> CheckedConnection.Expectation? {
        let matrix = ServiceMatrix(try LabShape(nodes: nodes))
        return matrix.connections.first { $0.target == target && $0.client == client }?.expectation
    }

    @Test("Pods keep their source on the way to a ClusterIP, others get their node's")
    func clusterIP() throws {
        let target = "10.96.200.1:80/tcp"
        let pods = [1, 2, 4, 5]
        #expect(
            try expectation(target, from: .pod(6)) == .answers(pods: pods, sees: .pod(6))
        )
        #expect(try expectation(target, from: .node(2)) == .answers(pods: pods, sees: .node(2)))
        #expect(try expectation(target, from: .outside) == .answers(pods: pods, sees: .node(1)))
    }

    @Test("Policy Local: outside only what is on the node, with its source; inside everything")
    func local() throws {
        let target = "192.0.2.2:30102/udp"
        #expect(try expectation(target, from: .outside) == .answers(pods: [4], sees: .outside))
        #expect(try expectation(target, from: .pod(3)) == .answers(pods: [4], sees: .pod(3)))
        #expect(try expectation(target, from: .pod(6)) == .answers(pods: [1, 4], sees: .pod(6)))
        #expect(try expectation(target, from: .node(1)) == .answers(pods: [4], sees: .node(1)))
        let cluster = "10.96.200.2:80/tcp"
        #expect(try expectation(cluster, from: .pod(6)) == .answers(pods: [4], sees: .pod(6)))
    }

    @Test("Policy Local without a local endpoint is silence, no endpoint at all a refusal")
    func nothing() throws {
        #expect(try expectation("192.0.2.2:30103/tcp", from: .outside) == .silence)
        #expect(try expectation("10.96.200.3:80/tcp", from: .pod(6)) == .silence)
        #expect(try expectation("[fd00:96::2:3]:80/tcp", from: .node(1), nodes: 1) == .silence)
        #expect(try expectation("[fd00:96::2:4]:53/udp", from: .pod(3)) == .refused)
    }

    @Test("A wrong endpoint, a wrong source and a missing answer are reported")
    func complaints() throws {
        let shape = try LabShape(nodes: 2)
        var connection = try #require(
            ServiceMatrix(shape).connections.first {
                $0.target == "192.0.2.2:30102/tcp" && $0.client == .outside
            }
        )
        connection.outcomes = [String](repeating: "pod4 192.0.2.100", count: 12)
        #expect(connection.mismatch(in: shape) == nil)
        for wrong in ["pod1 192.0.2.100", "pod4 192.0.2.2", "timeout", "refused"] {
            connection.outcomes[5] = wrong
            #expect(connection.mismatch(in: shape)?.contains("1 of 12: \(wrong)") == true)
        }
        connection.outcomes = ["pod4 192.0.2.100"]
        #expect(connection.mismatch(in: shape) == "1 outcomes of 12 connections")
    }
}
