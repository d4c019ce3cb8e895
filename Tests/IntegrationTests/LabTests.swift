import Addressing
import Foundation
import LabCluster
import NamespaceLab
import Testing

extension KernelSuites {
    /// The lab's commands. scripts/labs has all topologies.
    @Suite("Lab")
    struct LabTests {
        private let name = "c\(getpid())"

        private func lab(_ arguments: String...) throws -> (output: String, status: Int32) {
            let words = [BuiltProgram.lab] + arguments
            return try LabCommand.result(words, Deadline(in: .seconds(120)))
        }

        /// What a lab might leave on the host.
        private func host() throws -> [String] {
            [
                try LabCommand.run(["ip", "netns", "list"]),
                try LabCommand.run(["ip", "-o", "link"]),
                try LabCommand.run(["ip", "route"]),
                try LabCommand.run(["nft", "list", "ruleset"]),
            ] + (try socketLevel())
        }

        /// Where the lab's cgroups and pins are mounted, and the cgroups themselves.
        private func socketLevel() throws -> [String] {
            let mounts = try String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)
                .split(separator: "\n").map(String.init)
            let hierarchies = mounts.map { $0.split(separator: " ") }
                .filter { $0[2] == "cgroup2" }.map { String($0[1]) }
            let cgroups = hierarchies.flatMap {
                (try? FileManager.default.contentsOfDirectory(atPath: $0)) ?? []
            }
            return (mounts + cgroups).filter { $0.contains(name) }
        }

        @Test("Up at a command, down without a trace, complete or not")
        func life() throws {
            let before = try host()
            let up = try lab("up", name, "--nodes", "2", "--pods", "3", "--topology", "vxlan")
            #expect(up.status == 0, "\(up.output)")
            #expect(up.output.contains("pod6    10.180.1.13     fd00:180:0:1::13"))
            #expect(try lab("show", name).output == up.output)
            let answer = try lab(
                "connect",
                "--lab",
                name,
                "--count",
                "3",
                "pod1",
                "10.180.1.13:8080/tcp"
            )
            #expect(answer.output == "    3 pod6, which saw 10.180.0.11\n")
            let inside = try lab("exec", "--lab", name, "pod6", "ip", "-br", "-4", "address")
            #expect(inside.output.contains("10.180.1.13/24"))
            #expect(try lab("exec", "--lab", name, "pod7", "true").status == 1)
            // As a crash of `up` would leave it.
            try LabHome.remove(name)
            try LabCommand.run(["ip", "netns", "delete", "fl-\(name)-client"])
            #expect(try lab("show", name).output.contains("is a leftover"))
            let down = try lab("down", name)
            #expect(down.output == "lab \(name): 9 namespaces removed\n")
            #expect(try host() == before)
            #expect(try lab("check", name).status == 1)
        }

        @Test("The commands that are explained make the same lab")
        func explanation() throws {
            let script = try lab("up", name, "--explain", "--topology", "routed", "--pods", "1")
            try LabCommand.run(["sh", "-e"], input: [script.output])
            defer { _ = try? LabBuilder.remove(name) }
            let agent = LabAgent(BuiltProgram.agent)
            let server = try agent.serve(
                ["10.180.0.11:80/tcp", "[fd00:180::11]:80/tcp"],
                as: "pod1",
                in: "fl-\(name)-pod1"
            )
            for (target, source) in [
                ("10.180.0.11:80/tcp", "192.0.2.100"), ("[fd00:180::11]:80/tcp", "2001:db8::100"),
            ] {
                let answers = try agent.connect(to: target, in: "fl-\(name)-client")
                #expect(answers == ["pod1 \(source)"])
            }
            withExtendedLifetime(server) {}
        }

        @Test("A mismatch is shown with the trace of the node's rules")
        func mismatch() throws {
            defer { _ = try? lab("down", name) }
            let up = try lab("up", name, "--pods", "2", "--family", "ipv4", "--mode", "nftables")
            #expect(up.status == 0, "\(up.output)")
            // Another program drops the connections to one frontend, and sends those to another to one endpoint.
            let theft =
                "add table ip guest; add chain ip guest thief "
                + "{ type filter hook prerouting priority -300; }; "
                + "add rule ip guest thief ip daddr 10.96.200.1 tcp dport 80 drop; "
                + "add chain ip guest usher { type nat hook prerouting priority -150; }; "
                + "add rule ip guest usher ip daddr 10.96.200.1 udp dport 53 dnat to 10.180.0.12:5353"
            try LabCommand.run(["nft", theft], in: "fl-\(name)-node1")
            let check = try lab("check", name)
            #expect(check.status == 1)
            #expect(check.output.contains("✗ pod1 → 10.96.200.1:80/tcp: 20 of 20: timeout"))
            #expect(check.output.contains("10.180.0.11 → 10.96.200.1:80/tcp reaches 2 endpoints"))
            let single = "10.96.200.1:53/udp: 40 times pod2 10.180.0.11, of 2 endpoints"
            #expect(check.output.contains("✗ pod1 → \(single)"), "\(check.output)")
            #expect(!check.output.contains("✗ node1 →"))
            // With the socket level no packet goes to that address.
            let tables = check.output.split(separator: "Services, mode nftables")
            #expect(tables.count == 3, "\(check.output)")
            #expect(tables.last?.contains(": 0 mismatches") == true, "\(check.output)")
            #expect(try !socketLevel().isEmpty)
            #expect(try lab("down", name).status == 0)
            #expect(try socketLevel().isEmpty)
        }

        @Test("Strict reverse path filters stop pods behind a tunnel, as check says")
        func reversePath() throws {
            defer { _ = try? lab("down", name) }
            let up = try lab(
                "up",
                name,
                "--pods",
                "1",
                "--nodes",
                "2",
                "--topology",
                "vxlan",
                "--family",
                "ipv4",
                "--mode",
                "nftables"
            )
            #expect(up.status == 0, "\(up.output)")
            let node = "fl-\(name)-node1"
            try LabCommand.run(["sysctl", "-q", "-w", "net.ipv4.conf.all.rp_filter=1"], in: node)
            let strict = try lab("check", name)
            #expect(strict.output.contains("✗ pod2 → 192.0.2.1:30101/tcp"))
            let configuration = try LabHome.find(name).configuration(ofNode: 1)
            let finding = try LabCommand.run([BuiltProgram.fairlead, "check", "-c", configuration])
            #expect(finding.contains("sysctl -w net.ipv4.conf.all.rp_filter=2"))
            try LabCommand.run(["sysctl", "-q", "-w", "net.ipv4.conf.all.rp_filter=2"], in: node)
            #expect(try lab("check", name).status == 0)
        }
    }
}
