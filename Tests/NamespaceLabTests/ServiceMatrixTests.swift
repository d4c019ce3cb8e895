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
        nodes: Int = 2,
        _ level: CheckedConnection.Level = .rules
    ) throws -> CheckedConnection.Expectation? {
        let matrix = ServiceMatrix(try LabShape(nodes: nodes), level)
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

    @Test(
        "At the socket level the endpoint sees the client, and only another node's address is left to its rules"
    )
    func sockets() throws {
        let pods = [1, 2, 4, 5]
        for target in ["10.96.200.1:80/tcp", "198.51.100.101:53/udp", "192.0.2.1:30101/tcp"] {
            for client in [CheckClient.pod(1), .pod(3), .node(1)] {
                #expect(
                    try expectation(target, from: client, .sockets)
                        == .answers(pods: pods, sees: client)
                )
            }
            #expect(try expectation(target, from: .outside, .sockets) == nil)
        }
        #expect(
            try expectation("192.0.2.1:30101/tcp", from: .pod(6), .sockets)
                == .answers(pods: pods, sees: .node(1))
        )
        // The external policy is for clients elsewhere, the internal one for all.
        #expect(
            try expectation("198.51.100.102:80/tcp", from: .pod(6), .sockets)
                == .answers(pods: [1, 4], sees: .pod(6))
        )
        #expect(
            try expectation("10.96.200.2:80/tcp", from: .pod(6), .sockets)
                == .answers(pods: [4], sees: .pod(6))
        )
        #expect(try expectation("10.96.200.3:80/tcp", from: .pod(6), .sockets) == .silence)
        #expect(try expectation("10.96.200.4:80/tcp", from: .pod(6), .sockets) == .refused)
    }

    @Test("A table of the socket level says why a cell is not as by the rules")
    func remarks() throws {
        let shape = try LabShape(nodes: 2)
        let matrix = ServiceMatrix(shape, .sockets)
        var connections = matrix.connections
        for index in connections.indices {
            guard case .answers(let pods, let client) = connections[index].expectation else {
                let outcome = connections[index].expectation == .silence ? "timeout" : "refused"
                connections[index].outcomes = [outcome]
                continue
            }
            let family = connections[index].family
            let source = try #require(client.addresses(family, in: shape).first)
            let count = pods.count > 1 ? 20 : 12
            connections[index].outcomes = (0..<count).map {
                let pod = pods[$0 % pods.count]
                // Rules of the other node masquerade what goes back to its sender.
                let node = LabAddresses.node(family, 2)
                let isReturned =
                    connections[index].client == .pod(pod)
                    && connections[index].target.hasPrefix(family == .ipv4 ? node : "[\(node)]")
                return "pod\(pod) \(isReturned ? node : source)"
            }
        }
        let table = "\(matrix.table(connections, mode: "nftables"))"
        #expect(!table.contains("✗"), "\(table)")
        let lines = table.split(separator: "\n").map(String.init)
        #expect(lines.first?.hasPrefix("Services, mode nftables with the socket level: ") == true)
        #expect(lines.suffix(4).map { $0.prefix(5) } == [" [1] ", " [2] ", " [3] ", " [4] "])
        func row(_ number: Int) -> String { lines[number] }
        // Of the Service with policy Cluster: from pod1, an endpoint.
        #expect(row(3).contains("1,2,4,5 ← pod1 [2]"), "\(row(3))")
        #expect(row(4).contains("1,2,4,5 ← pod1 [1]"), "\(row(4))")
        #expect(row(7).contains("[3]") && !row(3).contains("[3]"))
        #expect(table.contains("timeout [4]"))
        connections[0].outcomes[0] = "timeout"
        #expect("\(matrix.table(connections, mode: "nftables"))".contains("✗"))
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

    @Test("One endpoint in place of two is asked for again, and reported if it stays the only one")
    func unspread() throws {
        let shape = try LabShape(nodes: 1)
        var connection = try #require(
            ServiceMatrix(shape).connections.first {
                $0.target == "192.0.2.1:30101/udp" && $0.client == .outside
            }
        )
        #expect(connection.count == 20)
        let one = [String](repeating: "pod2 192.0.2.1", count: 20)
        connection.outcomes = one
        #expect(connection.isUnspread(in: shape))
        connection.outcomes += one
        let complaint = "40 times pod2 192.0.2.1, of 2 endpoints"
        #expect(connection.mismatch(in: shape) == complaint)
        connection.outcomes[39] = "pod1 192.0.2.1"
        #expect(!connection.isUnspread(in: shape) && connection.mismatch(in: shape) == nil)
        // Nobody waits a second time for what is wrong anyway.
        for wrong in ["timeout", "pod3 192.0.2.1", "pod2 192.0.2.100"] {
            connection.outcomes = [String](repeating: wrong, count: 20)
            #expect(!connection.isUnspread(in: shape))
        }
        connection.outcomes = []
        #expect(connection.mismatch(in: shape) == "0 outcomes of 20 connections")
    }
}
