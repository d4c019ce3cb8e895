import Addressing
import Foundation
import NamespaceLab
import Testing

extension KernelSuites {
    /// Why connections of a lab in ipvs mode were lost, and where that is the kernel's limit.
    @Suite("Lost connections in UML", .enabled(if: UserModeLinux.isHere))
    struct LostConnectionUMLTests {
        private static let limit = "net.netfilter.nf_conntrack_max"

        private func lab(_ arguments: String...) throws -> (output: String, status: Int32) {
            let words = [BuiltProgram.lab] + arguments
            return try LabCommand.result(words, Deadline(in: .seconds(240)))
        }

        /// Entries of connections being opened that the kernel dropped for want of room.
        private func earlyDrops(_ namespace: String) throws -> Int {
            try LabCommand.run(["conntrack", "-S"], in: namespace)
                .split(whereSeparator: \.isWhitespace)
                .filter { $0.hasPrefix("early_drop=") }
                .reduce(0) { $0 + (Int($1.dropFirst("early_drop=".count)) ?? 0) }
        }

        @Test("A full connection tracking table loses connections, and the check names it")
        func fullTable() throws {
            let name = "f\(getpid())"
            let before = try LabCommand.run(["sysctl", "-n", Self.limit])
                .trimmingCharacters(in: .whitespacesAndNewlines)
            defer {
                _ = try? LabCommand.run(["sysctl", "-q", "-w", "\(Self.limit)=\(before)"])
                _ = try? lab("down", name)
            }
            let up = try lab("up", name, "--pods", "1", "--family", "ipv4", "--mode", "ipvs")
            #expect(up.status == 0, "\(up.output)")
            try LabCommand.run(["sysctl", "-q", "-w", "\(Self.limit)=40"])
            let tight = try lab("check", name, "--without-socket-level")
            #expect(tight.status == 1)
            #expect(tight.output.contains("of at most 40 conntrack entries"), "\(tight.output)")
            let drops = try earlyDrops("fl-\(name)-node1")
            #expect(drops > 0)
            try LabCommand.run(["sysctl", "-q", "-w", "\(Self.limit)=\(before)"])
            let wide = try lab("check", name, "--patience", "4", "--without-socket-level")
            #expect(wide.status == 0, "\(wide.output)")
            #expect(!wide.output.contains("conntrack"))
            #expect(try earlyDrops("fl-\(name)-node1") == drops)
            // As if what is there were more than there is room for: entries end while this looks.
            let count = try LabCommand.run(
                ["sysctl", "-n", "net.netfilter.nf_conntrack_count"],
                in: "fl-\(name)-node1"
            ).trimmingCharacters(in: .whitespacesAndNewlines)
            let room = max(1, (Int(count) ?? 0) / 4)
            let configuration = "/run/fairlead-lab/\(name)/node1.yaml"
            func finding() throws -> Bool {
                try LabCommand.run([BuiltProgram.fairlead, "check", "-c", configuration])
                    .contains(" of \(room) entries in use: from 95 % on")
            }
            #expect(try !finding())
            try LabCommand.run(["sysctl", "-q", "-w", "\(Self.limit)=\(room)"])
            #expect(try finding())
        }

        /// docs/ipvs-layout.md, "A client's port". The other modes have no such limit.
        @Test(
            "A source port used for a Service reaches the endpoint itself, but not in ipvs mode",
            arguments: ["ipvs", "iptables"],
            ["8080/tcp", "5353/udp"]
        )
        func sourcePort(_ mode: String, _ target: String) throws {
            let fixture = try DaemonFixture(mode: mode)
            let words = target.split(separator: "/")
            let pod = LabAddresses.pod(1, .ipv4)
            try fixture.write(
                """
                services:
                  - name: shop/web
                    address: 10.96.0.10
                    ports: [{port: 80, targetPort: \(words[0]), protocol: \(words[1].uppercased())}]
                    endpoints: [{address: \(pod)}]

                """
            )
            try fixture.start()
            try fixture.waitUntilApplied()
            let source = LabAddresses.client(.ipv4)
            func ask(_ endpoint: String, from port: Int) throws -> String? {
                try fixture.agent.connect(
                    to: endpoint,
                    from: source,
                    port: port,
                    in: fixture.lab.client,
                    timeout: .seconds(4)
                ).first
            }
            let answer = "pod1 \(source)"
            let service = try ask("10.96.0.10:80/\(words[1])", from: 5555)
            #expect(service?.hasPrefix("pod1 ") == true)
            #expect(try ask("\(pod):\(target)", from: 5556) == answer)
            let direct = try ask("\(pod):\(target)", from: 5555)
            if mode == "ipvs" {
                #expect(direct != answer)
            } else {
                #expect(direct == answer)
            }
            try fixture.stop()
        }
    }
}
