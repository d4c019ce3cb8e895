import Addressing
import Foundation
import NamespaceLab
import Testing

extension KernelSuites {
    /// `fairlead counters` after real connections.
    @Suite("Counters of nftables mode", .serialized)
    struct NFTablesCounterTests {
        private struct Row: Decodable, Equatable {
            var service: String
            var packets: UInt64
            var bytes: UInt64
            var rejected: UInt64
            var dropped: UInt64
            var notAllowed: UInt64
        }

        private static let manifest = """
            services:
              - name: shop/dns
                address: 10.96.0.10
                ports: [{port: 53, targetPort: 5353, protocol: UDP, nodePort: 30053}]
                externalIPs: [198.51.100.7]
                endpoints: [{address: \(LabAddresses.pod(1, .ipv4)), node: node-a}]
              - name: shop/elsewhere
                address: 10.96.0.12
                ports: [{port: 80, targetPort: 8080, nodePort: 30082}]
                externalTrafficPolicy: Local
                externalIPs: [198.51.100.9]
                endpoints: [{address: \(LabAddresses.pod(2, .ipv4)), node: node-b}]
              - name: shop/empty
                address: 10.96.0.14
                ports: [{port: 53, protocol: UDP, nodePort: 30084}]
                endpoints: []
              - name: shop/guarded
                address: 10.96.0.13
                ports: [{port: 53, targetPort: 5353, protocol: UDP}]
                loadBalancer:
                  addresses: [198.51.100.20]
                  sourceRanges: ["\(LabAddresses.client(.ipv4))/32"]
                endpoints: [{address: \(LabAddresses.pod(1, .ipv4)), node: node-a}]

            """

        private func rows(_ fixture: DaemonFixture) throws -> [String: Row] {
            let (output, status) = try fixture.fairlead(
                "counters",
                "--family",
                "ipv4",
                "--output",
                "json"
            )
            #expect(status == 0, "\(output)")
            let rows = try JSONDecoder().decode([Row].self, from: Data(output.utf8))
            #expect(rows.map(\.service) == rows.map(\.service).sorted())
            return Dictionary(uniqueKeysWithValues: rows.map { ($0.service, $0) })
        }

        /// So many connections, each with its own question; all get the answer that begins so.
        private func ask(
            _ fixture: DaemonFixture,
            _ endpoint: String,
            from namespace: String,
            source: String? = nil,
            count: Int,
            answer: String
        ) throws {
            let seen = try fixture.agent.connect(
                to: endpoint,
                from: source,
                in: namespace,
                count: count,
                timeout: .milliseconds(1600)
            )
            #expect(seen.count == count)
            let isAsExpected = seen.allSatisfy { $0.hasPrefix(answer) }
            #expect(isAsExpected, "\(endpoint): \(seen)")
        }

        @Test("Packets both ways, and what was refused, are counted by Service port")
        func numbers() throws {
            let fixture = try DaemonFixture(
                mode: "nftables",
                extra: "nftables: {counters: true}\n"
            )
            try fixture.write(Self.manifest)
            try fixture.start()
            try fixture.waitUntilApplied()
            let lab = fixture.lab
            let node = LabAddresses.node(.ipv4)
            #expect(try rows(fixture)["shop/dns"]?.packets == 0)
            // A question and an answer each: a pod, the node, the outside by three ways.
            try ask(fixture, "10.96.0.10:53/udp", from: lab.pod(3), count: 5, answer: "pod1")
            try ask(fixture, "10.96.0.10:53/udp", from: lab.node, count: 4, answer: "pod1")
            try ask(fixture, "198.51.100.7:53/udp", from: lab.client, count: 3, answer: "pod1")
            try ask(fixture, "\(node):30053/udp", from: lab.client, count: 2, answer: "pod1")
            var seen = try rows(fixture)
            #expect(seen["shop/dns"]?.packets == 2 * (5 + 4 + 3 + 2))
            // At least the headers of IP and UDP.
            #expect(seen["shop/dns"].map { $0.bytes > 28 * $0.packets } == true)
            #expect(seen["shop/dns"]?.rejected == 0 && seen["shop/empty"]?.packets == 0)

            try ask(fixture, "10.96.0.14:53/udp", from: lab.pod(3), count: 2, answer: "refused")
            try ask(fixture, "\(node):30084/udp", from: lab.client, count: 1, answer: "refused")
            try ask(
                fixture,
                "198.51.100.20:53/udp",
                from: lab.client,
                source: LabAddresses.otherClient(.ipv4),
                count: 1,
                answer: "timeout"
            )
            try ask(fixture, "198.51.100.20:53/udp", from: lab.client, count: 2, answer: "pod1")
            try ask(fixture, "198.51.100.9:80/tcp", from: lab.client, count: 1, answer: "timeout")
            seen = try rows(fixture)
            #expect(seen["shop/empty"]?.rejected == 3)
            // The datagram, and the same again, as the client repeats it.
            #expect(seen["shop/guarded"].map { (1...2).contains($0.notAllowed) } == true)
            #expect(seen["shop/guarded"]?.packets == 4)
            // The first segment and one or two more.
            #expect(seen["shop/elsewhere"].map { (1...3).contains($0.dropped) } == true)
            #expect(seen["shop/elsewhere"]?.packets == 0)

            // Numbers stay while other Services and endpoints change.
            try fixture.write(Self.manifest + LifeScript.more)
            try fixture.waitUntilApplied()
            #expect(try rows(fixture)["shop/dns"] == seen["shop/dns"])
            let (table, _) = try fixture.fairlead("counters", "--family", "ipv4")
            #expect(table.hasPrefix("SERVICE"))
            #expect(table.split(separator: "\n").count == 1 + 5)
            try fixture.stop()
        }

        @Test("Where nothing is counted, the command says so")
        func nothing() throws {
            let fixture = try DaemonFixture(mode: "nftables", servers: false)
            let (output, status) = try fixture.fairlead("counters")
            #expect(status == 1 && output.contains("nothing is counted"), "\(output)")
            let (other, code) = try fixture.fairlead("counters", "--mode", "iptables")
            #expect(code == 1 && other.contains("no counters"), "\(other)")
        }
    }
}
