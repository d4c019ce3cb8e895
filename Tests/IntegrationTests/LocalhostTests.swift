import Addressing
import DataplaneModel
import Foundation
import Glibc
import HostFacts
import NamespaceLab
import Testing

extension KernelSuites {
    /// Node ports on 127.0.0.1: for the node itself only.
    @Suite("Localhost")
    struct LocalhostTests {
        static let modes = ["iptables", "nftables"]
        private static let extra = "nodePorts: {addresses: [primary, localhost]}\n"
        /// A server that only the node itself shall reach.
        private static let secret = 9999

        private func fixture(_ mode: String, _ extra: String = extra) throws -> DaemonFixture {
            try DaemonFixture(mode: mode, extra: extra)
        }

        private static func services(nodePorts: Bool) -> String {
            let tcp = nodePorts ? ", nodePort: 30080" : ""
            let udp = nodePorts ? ", nodePort: 30053" : ""
            return """
                services:
                  - name: shop/web
                    address: \(LifeScript.vip)
                    ports:
                      - {name: web, port: 80, targetPort: 8080\(tcp)}
                      - {name: dns, port: 53, targetPort: 5353, protocol: UDP\(udp)}
                    endpoints:
                      - {address: \(LabAddresses.pod(1, .ipv4)), node: node-a}
                      - {address: \(LabAddresses.pod(2, .ipv4)), node: node-a}

                """
        }

        private func sysctl(_ fixture: DaemonFixture) throws -> String {
            var value = ""
            try fixture.inNode { () throws(DataplaneError) in
                value = try Sysctl.read("net.ipv4.conf.all.route_localnet")
            }
            return value
        }

        /// Waits for the sysctl, which follows the rules.
        private func wait(_ fixture: DaemonFixture, until value: String) throws {
            try fixture.wait(for: "route_localnet \(value)") { try sysctl(fixture) == value }
        }

        private func answers(
            _ fixture: DaemonFixture,
            _ endpoint: String,
            in namespace: String,
            count: Int = 1
        ) throws -> [String] {
            try fixture.agent.connect(
                to: endpoint,
                in: namespace,
                count: count,
                timeout: .milliseconds(400)
            )
        }

        @Test("They answer the node itself over TCP and UDP, masqueraded", arguments: modes)
        func answering(_ mode: String) throws {
            let fixture = try fixture(mode)
            try fixture.write(Self.services(nodePorts: true))
            try fixture.start()
            try fixture.waitUntilApplied()
            try wait(fixture, until: "1")
            for port in ["30080/tcp", "30053/udp"] {
                let lines = try answers(
                    fixture,
                    "127.0.0.1:\(port)",
                    in: fixture.lab.node,
                    count: 40
                )
                let names = Set(lines.map { $0.prefix { $0 != " " } })
                #expect(names == ["pod1", "pod2"], "\(port)")
                let sources = Set(
                    lines.compactMap { $0.split(separator: " ").last.map(String.init) }
                )
                #expect(sources == [LabAddresses.bridge(.ipv4)], "\(port)")
            }
            // A connection of many packets, and what is not a node port.
            let connection = try fixture.agent.hold("127.0.0.1:30080/tcp", in: fixture.lab.node)
            #expect(connection.isAlive() && connection.isAlive())
            #expect(
                try answers(fixture, "127.0.0.1:30081/tcp", in: fixture.lab.node) == ["refused"]
            )
            try fixture.stop()
        }

        @Test("A neighbour reaches neither them nor the node's own servers", arguments: modes)
        func neighbours(_ mode: String) throws {
            let fixture = try fixture(mode)
            let (node, client) = (fixture.lab.node, fixture.lab.client)
            let secret = "127.0.0.1:\(Self.secret)/tcp"
            let server = try fixture.agent.serve([secret], as: "secret", in: node)
            defer { server.signal(SIGKILL) }
            try fixture.write(Self.services(nodePorts: true))
            try fixture.start()
            try fixture.waitUntilApplied()
            try wait(fixture, until: "1")
            // A neighbour without a loopback of its own, and so with a way to the node's and back.
            try NetworkNamespace.withNamespace(client) { () throws(DataplaneError) in
                try Sysctl.write("1", to: "net.ipv4.conf.all.route_localnet")
                try Sysctl.write("0", to: "net.ipv4.conf.all.rp_filter")
            }
            try LabCommand.run(["ip", "address", "flush", "dev", "lo"], in: client)
            let way = ["ip", "route", "add", "127.0.0.1/32", "via", LabAddresses.node(.ipv4)]
            try LabCommand.run(way, in: client)
            #expect(try answers(fixture, secret, in: node).first?.hasPrefix("secret") == true)
            for endpoint in [secret, "127.0.0.1:30080/tcp", "127.0.0.1:30053/udp"] {
                #expect(try answers(fixture, endpoint, in: client) == ["timeout"], "\(endpoint)")
            }
            // The way is there: without the rules that guard it the neighbour comes in.
            try fixture.stop()
            if mode == "nftables" {
                try fixture.run(["nft", "flush", "chain", "ip", "fairlead", "localhost"])
            } else {
                try fixture.iptables("-F", "FAIRLEAD-LOCALHOST")
            }
            #expect(try answers(fixture, secret, in: client).first?.hasPrefix("secret") == true)
        }

        @Test("The sysctl is on as long as there are node ports, over restarts", arguments: modes)
        func sysctlLife(_ mode: String) throws {
            let fixture = try fixture(mode)
            try fixture.write(Self.services(nodePorts: false))
            try fixture.start()
            try fixture.waitUntilApplied()
            #expect(try sysctl(fixture) == "0")
            try fixture.write(Self.services(nodePorts: true))
            try wait(fixture, until: "1")
            try fixture.stop()
            #expect(try sysctl(fixture) == "1")
            for value in ["0", "1"] {
                try fixture.inNode { () throws(DataplaneError) in
                    try Sysctl.write(value, to: "net.ipv4.conf.all.route_localnet")
                }
                let verified = try fixture.fairlead("verify")
                #expect(verified.status == (value == "0" ? 2 : 0))
                let line = "net.ipv4.conf.all.route_localnet, which is off and should be on"
                #expect(verified.output.contains(line) == (value == "0"), "\(verified.output)")
                let plan = try fixture.fairlead("plan", "--diff", "--exit-code")
                #expect(plan.status == verified.status)
                #expect(plan.output.contains("# different sysctl: \(line)\n") == (value == "0"))
            }
            // Another life puts back what an earlier one set.
            try fixture.write(Self.services(nodePorts: false))
            let on = "net.ipv4.conf.all.route_localnet, which is on and should be off"
            #expect(try fixture.fairlead("verify").output.contains(on))
            try fixture.start()
            try wait(fixture, until: "0")
            try fixture.write(Self.services(nodePorts: true))
            try wait(fixture, until: "1")
            try fixture.stop()
            let cleanup = try fixture.fairlead("cleanup")
            #expect(cleanup.status == 0 && cleanup.output.contains("route_localnet: off again"))
            #expect(try sysctl(fixture) == "0")
            let notes = try FileManager.default
                .contentsOfDirectory(atPath: "\(fixture.directory)/state")
                .filter { $0.hasPrefix("route_localnet") }
            #expect(notes == [])
        }

        @Test("A sysctl that was on before stays on", arguments: modes)
        func foreignSysctl(_ mode: String) throws {
            let fixture = try fixture(mode)
            try fixture.inNode { () throws(DataplaneError) in
                try Sysctl.write("1", to: "net.ipv4.conf.all.route_localnet")
            }
            try fixture.write(Self.services(nodePorts: true))
            try fixture.start()
            try fixture.waitUntilApplied()
            try fixture.write(Self.services(nodePorts: false))
            try fixture.waitUntilApplied()
            try fixture.stop()
            #expect(try fixture.fairlead("cleanup").status == 0)
            #expect(try sysctl(fixture) == "1")
        }

        @Test("Without a note of who set it the sysctl stays guarded", arguments: modes)
        func unnotedSysctl(_ mode: String) throws {
            let fixture = try fixture(mode)
            // Where a file is, there can be no directory.
            let state = "\(fixture.directory)/state"
            #expect(FileManager.default.createFile(atPath: state, contents: nil))
            try fixture.write(Self.services(nodePorts: true))
            try fixture.start()
            try wait(fixture, until: "1")
            try fixture.wait(for: "the report") {
                fixture.log.contains("after a restart it is not known")
            }
            try fixture.stop()
            try fixture.write(Self.services(nodePorts: false))
            try fixture.start()
            let node = fixture.lab.node
            try fixture.wait(for: "no node port") {
                try answers(fixture, "127.0.0.1:30080/tcp", in: node) == ["refused"]
            }
            #expect(try sysctl(fixture) == "1")
            if mode == "nftables" {
                let chain = try fixture.run(["nft", "list", "chain", "ip", "fairlead", "localhost"])
                #expect(chain.contains("drop"))
            } else {
                #expect(try fixture.iptables("-S", "FAIRLEAD-LOCALHOST").contains("-j DROP"))
            }
            try fixture.stop()
        }

        @Test("Without the note the sysctl and its guard stay until it is off", arguments: modes)
        func lostNote(_ mode: String) throws {
            let fixture = try fixture(mode)
            try fixture.write(Self.services(nodePorts: true))
            try fixture.start()
            try wait(fixture, until: "1")
            try fixture.stop()
            try FileManager.default.removeItem(atPath: "\(fixture.directory)/state")
            try fixture.write(Self.services(nodePorts: false))
            try fixture.start()
            try fixture.wait(for: "the report") {
                fixture.log.contains("and so do the rules that keep neighbours out")
            }
            #expect(try sysctl(fixture) == "1")
            #expect(try isGuarded(fixture, mode))
            try fixture.stop()
            let refused = try fixture.fairlead("cleanup")
            #expect(refused.status == 1)
            let cure = "sysctl -w net.ipv4.conf.all.route_localnet=0"
            #expect(refused.output.contains(cure), "\(refused.output)")
            #expect(try sysctl(fixture) == "1")
            #expect(try isGuarded(fixture, mode))
            try fixture.inNode { () throws(DataplaneError) in
                try Sysctl.write("0", to: "net.ipv4.conf.all.route_localnet")
            }
            #expect(try fixture.fairlead("cleanup").status == 0)
            #expect(try !isGuarded(fixture, mode))
        }

        @Test("What rules of a process without this state directory guard stays guarded")
        func othersRules() throws {
            let fixture = try fixture("iptables")
            try fixture.write(Self.services(nodePorts: false))
            try fixture.start()
            try fixture.waitUntilApplied()
            #expect(try sysctl(fixture) == "0")
            try FileManager.default.createDirectory(
                atPath: "\(fixture.directory)/with",
                withIntermediateDirectories: true
            )
            try Self.services(nodePorts: true)
                .write(
                    toFile: "\(fixture.directory)/with/a.yaml",
                    atomically: true,
                    encoding: .utf8
                )
            let other = "\(fixture.directory)/other.yaml"
            try String(contentsOfFile: fixture.configuration, encoding: .utf8)
                .replacing("fairlead.sock", with: "other.sock")
                .replacing("\(fixture.directory)/state", with: "\(fixture.directory)/other")
                .replacing("\(fixture.directory)/services.d", with: "\(fixture.directory)/with")
                .write(toFile: other, atomically: true, encoding: .utf8)
            // So that the daemon finds all of it at once.
            fixture.daemon?.signal(SIGSTOP)
            let apply = try LabCommand.result([BuiltProgram.fairlead, "apply", "-c", other])
            fixture.daemon?.signal(SIGCONT)
            #expect(apply.status == 0, "\(apply.output)")
            try fixture.wait(for: "the report") {
                fixture.log.contains("and so do the rules that keep neighbours out")
            }
            #expect(try sysctl(fixture) == "1")
            #expect(try isGuarded(fixture, "iptables"))
            try fixture.stop()
        }

        @Test(
            "A sysctl that cannot be read is guarded as before, where it matters",
            arguments: modes
        )
        func unreadable(_ mode: String) throws {
            let fixture = try fixture(mode)
            try fixture.write(Self.services(nodePorts: true))
            #expect(try fixture.fairlead("apply").status == 0)
            try fixture.write(Self.services(nodePorts: false))
            func masked(_ command: [String]) throws -> (output: String, status: Int32) {
                let mask = "mount -t tmpfs tmpfs /proc/sys/net/ipv4/conf && exec \"$@\""
                return try LabCommand.result(
                    [
                        "ip", "netns", "exec", fixture.lab.node, "unshare", "-m", "sh", "-c", mask,
                        "-",
                    ]
                        + [BuiltProgram.fairlead] + command + ["-c", fixture.configuration]
                )
            }
            let apply = try masked(["apply"])
            #expect(apply.status == 1)
            let words = "and so do the rules that keep neighbours out of 127.0.0.0/8: /proc/sys/"
            #expect(apply.output.contains(words), "\(apply.output)")
            #expect(try isGuarded(fixture, mode))
            #expect(try fixture.fairlead("apply").status == 0)
            #expect(try sysctl(fixture) == "0")
            #expect(try isGuarded(fixture, mode) == (mode == "nftables"))
            // Nothing wants it.
            for command in [["plan", "--diff", "--exit-code"], ["verify"]] {
                let result = try masked(command)
                #expect(result.status == 0, "\(result.output)")
            }
            #expect(try fixture.fairlead("cleanup").status == 0)
        }

        @Test(
            "A note for a network namespace that is gone does not count for the next",
            arguments: modes
        )
        func otherNamespace(_ mode: String) throws {
            let fixture = try fixture(mode)
            let state = "\(fixture.directory)/state"
            try fixture.write(Self.services(nodePorts: true))
            #expect(try fixture.fairlead("apply").status == 0)
            let name = try #require(
                try FileManager.default.contentsOfDirectory(atPath: state)
                    .first { $0.hasPrefix("route_localnet") }
            )
            let note = try String(contentsOfFile: "\(state)/\(name)", encoding: .utf8)
            #expect(note.split(separator: " ").count == 2, "\(note)")
            #expect(try fixture.fairlead("cleanup").status == 0)
            try fixture.inNode { () throws(DataplaneError) in
                try Sysctl.write("1", to: "net.ipv4.conf.all.route_localnet")
            }
            // The kernel gives the same number again, which the test cannot make it do.
            try "\(note.split(separator: " ")[0]) 1\n"
                .write(toFile: "\(state)/\(name)", atomically: true, encoding: .utf8)
            try fixture.write(Self.services(nodePorts: false))
            #expect(try fixture.fairlead("apply").status == 0)
            #expect(try sysctl(fixture) == "1")
        }

        private func isGuarded(_ fixture: DaemonFixture, _ mode: String) throws -> Bool {
            mode == "nftables"
                ? try fixture.run(["nft", "list", "ruleset"]).contains("chain localhost {")
                : try fixture.iptables("-S").contains("-N FAIRLEAD-LOCALHOST")
        }

        @Test("A change of mode to one without them puts the sysctl back")
        func otherMode() throws {
            let fixture = try fixture("iptables", "")
            try fixture.write(Self.services(nodePorts: true))
            try fixture.start()
            try wait(fixture, until: "1")
            try fixture.stop()
            // By default, mode nftables has no node ports on 127.0.0.1.
            try fixture.changeMode("nftables")
            try fixture.start()
            try wait(fixture, until: "0")
            try fixture.waitUntilApplied()
            #expect(
                try answers(fixture, "127.0.0.1:30080/tcp", in: fixture.lab.node) == ["refused"]
            )
            try fixture.stop()
        }
    }
}

extension KernelSuites {
    /// What a mode with node ports on 127.0.0.1 leaves to one without.
    @Suite("Localhost in UML", .enabled(if: UserModeLinux.isHere))
    struct LocalhostUMLTests {
        @Test(
            "Mode ipvs takes the sysctl back, and keeps neighbours out if it cannot know whose it is",
            arguments: [true, false]
        )
        func toIPVS(_ isNoted: Bool) throws {
            let fixture = try DaemonFixture(mode: "iptables")
            try fixture.write(
                """
                services:
                  - name: shop/web
                    address: \(LifeScript.vip)
                    ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
                    endpoints: [{address: \(LabAddresses.pod(1, .ipv4)), node: node-a}]

                """
            )
            try fixture.start()
            try fixture.wait(for: "route_localnet") { try Self.sysctl(fixture) == "1" }
            try fixture.stop()
            if !isNoted { try FileManager.default.removeItem(atPath: "\(fixture.directory)/state") }
            try fixture.changeMode("ipvs")
            try fixture.start()
            if !isNoted {
                let report = "and so do the rules that keep neighbours out"
                try fixture.wait(for: "the report") { fixture.log.contains(report) }
                #expect(try Self.sysctl(fixture) == "1")
                #expect(try Self.isGuarded(fixture))
                try fixture.waitUntilApplied()
                try fixture.inNode { () throws(DataplaneError) in
                    try Sysctl.write("0", to: "net.ipv4.conf.all.route_localnet")
                }
                fixture.daemon?.signal(SIGHUP)
            }
            try fixture.wait(for: "the end of the guard") {
                try Self.sysctl(fixture) == "0" && !Self.isGuarded(fixture)
            }
            try fixture.waitUntilApplied()
            #expect(try LifeScript.answers(fixture) == ["pod1"])
            try fixture.stop()
        }

        private static func isGuarded(_ fixture: DaemonFixture) throws -> Bool {
            let rules = try fixture.iptables("-S")
            return rules.contains("-A INPUT -j FAIRLEAD-LOCALHOST")
                && rules.contains("-A FAIRLEAD-LOCALHOST ")
        }

        private static func sysctl(_ fixture: DaemonFixture) throws -> String {
            var value = ""
            try fixture.inNode { () throws(DataplaneError) in
                value = try Sysctl.read("net.ipv4.conf.all.route_localnet")
            }
            return value
        }
    }
}
