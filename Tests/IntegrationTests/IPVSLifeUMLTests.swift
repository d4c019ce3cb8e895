import Addressing
import Foundation
import Glibc
import NamespaceLab
import Testing

extension KernelSuites {
    /// What happens over time in ipvs mode: drains, damage, restarts, neighbours, the end.
    @Suite("Life of ipvs mode in UML", .enabled(if: UserModeLinux.isHere))
    struct IPVSLifeUMLTests {
        /// The node's virtual servers as ipvsadm prints them.
        private func servers(_ fixture: DaemonFixture) throws -> [String] {
            try LabCommand.run(["ipvsadm", "-Sn"], in: fixture.lab.node)
                .split(separator: "\n").map(String.init)
        }

        private func waitForServers(
            _ fixture: DaemonFixture,
            _ limit: Duration = .seconds(60),
            _ condition: ([String]) -> Bool
        ) throws {
            let deadline = Deadline(in: limit)
            var last: [String] = []
            while !deadline.hasPassed {
                last = try servers(fixture)
                if condition(last) { return }
                usleep(200_000)
            }
            throw LabError("virtual servers stay:\n\(last.joined(separator: "\n"))\n\(fixture.log)")
        }

        private static let first = "-r 10.180.0.11:8080 -m -w "

        @Test("What IPVS counts is shown by Service port, as a table and as metrics")
        func counters() throws {
            let fixture = try DaemonFixture(mode: "ipvs")
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            #expect(try LifeScript.answers(fixture, count: 12) == ["pod1"])
            // The kernel sums up every two seconds.
            var table = ""
            let isCounted = try eventually {
                table = try fixture.fairlead("counters", "--family", "ipv4").output
                let row = table.split(separator: "\n").last { $0.hasPrefix("shop/web") }
                let cells = row?.split(separator: " ").map(String.init) ?? []
                return cells.count == 9 && cells[3] == "12" && (Int(cells[4]) ?? 0) > 4 * 12
            }
            #expect(isCounted && table.contains("CONNECTIONS"), "\(table)")
            let metrics = try LabCommand.run(
                ["curl", "-s", "http://127.0.0.1:10249/metrics"],
                in: fixture.lab.node
            )
            let labels = #"namespace="shop",service="web",port="",protocol="tcp",ip_family="IPv4""#
            let sample = "fairlead_service_connections_total{\(labels)} 12\n"
            #expect(metrics.contains(sample), "\(metrics)")
            try fixture.stop()
        }

        @Test("Endpoints and Services come and go, and leave nothing behind")
        func liveChanges() throws {
            // Closed connections count for two minutes as far as IPVS is concerned.
            let fixture = try DaemonFixture(mode: "ipvs", extra: "ipvs: {drainTimeout: 3s}\n")
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            #expect(try LifeScript.answers(fixture, count: 12) == ["pod1"])
            try fixture.write(LifeScript.web(1, 2))
            try fixture.waitUntilApplied()
            #expect(try LifeScript.answers(fixture, count: 12) == ["pod1", "pod2"])
            try fixture.write(LifeScript.web())
            try fixture.waitUntilApplied()
            #expect(try LifeScript.answers(fixture, count: 1) == ["refused"])
            try fixture.write("services:\n  - {name: shop/web, ports: [}\n")
            #expect(try eventually { fixture.log.contains("services.yaml:2:") }, "\(fixture.log)")
            try fixture.remove("services.yaml")
            try fixture.waitUntilApplied()
            try waitForServers(fixture) { $0.isEmpty }
            let addresses = try LabCommand.run(
                ["ip", "-o", "address", "show"],
                in: fixture.lab.node
            )
            #expect(!addresses.contains("10.96."))
            try fixture.stop()
        }

        @Test("A removed endpoint drains, through a restart too, and comes back when it returns")
        func drain() throws {
            let fixture = try DaemonFixture(mode: "ipvs")
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            let connection = try fixture.agent.hold(
                "\(LifeScript.vip):80/tcp",
                in: fixture.lab.client
            )
            #expect(connection.greeting.hasPrefix("pod1 "))
            try fixture.write(LifeScript.web(2))
            try fixture.waitUntilApplied()
            #expect(try servers(fixture).contains { $0.contains(Self.first + "0") })
            #expect(connection.isAlive())
            #expect(try LifeScript.answers(fixture, count: 12) == ["pod2"])
            try fixture.stop()
            try fixture.start()
            try fixture.waitUntilApplied()
            #expect(connection.isAlive())
            #expect(try servers(fixture).contains { $0.contains(Self.first + "0") })
            try fixture.write(LifeScript.web(1, 2))
            try fixture.waitUntilApplied()
            #expect(try servers(fixture).contains { $0.contains(Self.first + "1") })
            #expect(try LifeScript.answers(fixture, count: 12) == ["pod1", "pod2"])
            // Even the removal of the Service cuts no connection, and its address stays as long.
            try fixture.remove("services.yaml")
            try fixture.waitUntilApplied()
            #expect(connection.isAlive())
            #expect(try LifeScript.answers(fixture, count: 1) == ["refused"])
            try fixture.stop()
        }

        @Test("A drain ends at its deadline, which a restart does not put off")
        func deadline() throws {
            let fixture = try DaemonFixture(mode: "ipvs", extra: "ipvs: {drainTimeout: 15s}\n")
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            let connection = try fixture.agent.hold(
                "\(LifeScript.vip):80/tcp",
                in: fixture.lab.client
            )
            try fixture.write(LifeScript.web(2))
            try waitForServers(fixture) { $0.contains { $0.contains(Self.first + "0") } }
            let drained = Deadline(in: .seconds(15))
            #expect(connection.isAlive())
            try fixture.stop()
            #expect(try eventually { drained.hasPassed })
            // Put off by the restart, it would end 15 s from here.
            try fixture.start()
            try waitForServers(fixture, .seconds(12)) { !$0.contains { $0.contains(Self.first) } }
            try fixture.stop()
        }

        @Test("A connection lives through kill -9 in the middle of a pass")
        func killed() throws {
            // Without looks for changes of others, what it sends belongs to the pass.
            let fixture = try DaemonFixture(mode: "ipvs", driftCheckInterval: "1h")
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            let connection = try fixture.agent.hold(
                "\(LifeScript.vip):80/tcp",
                in: fixture.lab.client
            )
            for number in 1...4 {
                // Its messages to the kernel ask what is there, too.
                let isHit = try fixture.killed(at: "sendto,sendmsg", number: number) {
                    try fixture.write(LifeScript.ballast(20 * number), to: "other.yaml")
                }
                #expect(isHit, "the pass has fewer than \(number) messages")
                #expect(connection.isAlive(), "at message \(number)")
                // Not all was written yet.
                #expect(try fixture.fairlead("plan", "--diff", "--exit-code").status == 2)
                try fixture.start()
                try fixture.waitUntilApplied()
            }
            #expect(connection.isAlive())
            #expect(try LifeScript.answers(fixture, count: 12) == ["pod1"])
            try fixture.stop()
        }

        @Test("What other programs flush, delete or edit is put back")
        func repair() throws {
            let fixture = try DaemonFixture(mode: "ipvs")
            try fixture.write(LifeScript.web(1, 2))
            try fixture.start()
            try fixture.waitUntilApplied()
            let damages = [
                ["ipvsadm", "-C"], ["ipset", "flush"], ["iptables-legacy", "-t", "nat", "-F"],
                ["ip", "link", "delete", "fairlead0"],
            ]
            for damage in damages {
                try fixture.run(damage)
                try fixture.waitUntilApplied()
                #expect(
                    try LifeScript.answers(fixture, count: 12) == ["pod1", "pod2"],
                    "after \(damage)"
                )
            }
            #expect(fixture.log.contains("Repaired objects changed by another program"))
            try fixture.stop()
        }

        @Test("Foreign servers, sets and links are not touched, and cleanup leaves only them")
        func foreignObjects() throws {
            let fixture = try DaemonFixture(mode: "ipvs", servers: false)
            let foreign = [
                "ipvsadm -A -t 192.0.2.77:80 -s rr",
                "ipvsadm -a -t 192.0.2.77:80 -r 192.0.2.78:80 -g -w 5",
                // In a Service's place.
                "ipvsadm -A -t 10.96.0.10:80 -s sh",
                "ipset create OTHER hash:ip", "ipset add OTHER 192.0.2.5",
                "ip link add other0 type dummy", "ip address add 192.0.2.77/32 dev other0",
                "iptables-legacy -A INPUT -i lo -j ACCEPT",
            ]
            for command in foreign {
                try fixture.run(command.split(separator: " ").map(String.init))
            }
            func picture() throws -> [String] {
                try servers(fixture)
                    + [
                        LabCommand.run(["ipset", "save"], in: fixture.lab.node),
                        LabCommand.run(["ip", "-br", "address"], in: fixture.lab.node),
                    ] + fixture.rules(.ipv4).filter { $0.hasPrefix("-A") }
            }
            let before = try picture()
            try fixture.write(LifeScript.web(1, 2))
            try fixture.start()
            // The clash is reported, and the other program's server stays as it is.
            try fixture.wait(for: "report of the clash") {
                fixture.log.contains("10.96.0.10:80/tcp")
            }
            #expect(try servers(fixture).contains("-A -t 10.96.0.10:80 -s sh"))
            #expect(try servers(fixture).contains("-A -t 192.0.2.77:80 -s rr"))
            // It is tried again without another message, and is not reported as drift.
            let passes = try fixture.metric("fairlead_passes_total")
            try fixture.wait(for: "two more passes") {
                try fixture.metric("fairlead_passes_total") >= passes + 2
            }
            #expect(fixture.log.components(separatedBy: "Kernel refused an object").count == 2)
            #expect(!fixture.log.contains("Repaired"))
            // One goes as another comes, so that their number stays the same.
            let swap = "-D -t 10.96.0.10:80\n-A -t 192.0.2.79:80 -s rr"
            try fixture.run(["sh", "-c", "printf '%s\n' '\(swap)' | ipvsadm -R"])
            try fixture.waitUntilApplied()
            #expect(try servers(fixture).contains("-A -t 10.96.0.10:80 -s wrr"))
            try fixture.run(["ipvsadm", "-D", "-t", "192.0.2.79:80"])
            try fixture.stop()
            let cleanup = try fixture.fairlead("cleanup")
            #expect(cleanup.status == 0, "\(cleanup.output)")
            #expect(try picture() == before.filter { $0 != "-A -t 10.96.0.10:80 -s sh" })
        }

        @Test("What ipvsadm edits or restores is repaired; a foreign one is named with its cure")
        func lostSignature() throws {
            let fixture = try DaemonFixture(mode: "ipvs")
            try fixture.write(LifeScript.web(1, 2))
            try fixture.start()
            try fixture.waitUntilApplied()
            // Fails where the daemon was faster in between, which is as good.
            let restore = [
                "sh", "-c",
                "saved=$(ipvsadm -S -n); ipvsadm -C; echo \"$saved\" | ipvsadm -R || true",
            ]
            let edit = ["ipvsadm", "-E", "-t", "\(LifeScript.vip):80", "-s", "wlc"]
            for damage in [edit, restore] {
                try fixture.run(damage)
                try fixture.waitUntilApplied()
                #expect(
                    try LifeScript.answers(fixture, count: 12) == ["pod1", "pod2"],
                    "after \(damage)"
                )
            }
            #expect(fixture.log.contains("Repaired objects changed by another program"))
            #expect(!fixture.log.contains("did not make"))
            try fixture.stop()
            // Another process has nothing but the kernel's word.
            try fixture.run(restore)
            let taken = try fixture.fairlead("apply")
            #expect(taken.status == 0, "\(taken.output)")
            let check = try fixture.fairlead("check")
            #expect(!check.output.contains("did not make"), "\(check.output)")
            let vip = "\(LifeScript.vip):80"
            for command in [
                ["-D", "-t", vip], ["-A", "-t", vip, "-s", "sed"],
                ["-a", "-t", vip, "-r", "192.0.2.9:80", "-m"],
            ] {
                try fixture.run(["ipvsadm"] + command)
            }
            let before = try servers(fixture)
            let refused = try fixture.fairlead("apply")
            #expect(refused.status == 1)
            #expect(refused.output.contains("1 failed"), "\(refused.output)")
            let cure = "ipvsadm -D -t \(vip)"
            let advice = try fixture.fairlead("check")
            #expect(advice.output.contains(cure), "\(advice.output)")
            #expect(try servers(fixture) == before)
            try fixture.run(cure.split(separator: " ").map(String.init))
            #expect(try fixture.fairlead("apply").status == 0)
            #expect(try LifeScript.answers(fixture, count: 12) == ["pod1", "pod2"])
        }

        @Test(
            "A change of mode leaves no gap, and nothing of the other mode but what drains",
            arguments: ["addresses", "ranges"]
        )
        func modes(_ binding: String) throws {
            let fixture = try DaemonFixture(
                mode: "iptables",
                extra: "ipvs: {binding: \(binding)}\nserviceCIDRs: [10.96.0.0/16]\n"
            )
            try fixture.write(LifeScript.web(1, 2))
            try fixture.start()
            try fixture.waitUntilApplied()
            let early = try fixture.agent.hold("\(LifeScript.vip):80/tcp", in: fixture.lab.client)
            let client = try LabProcess(
                [
                    "sh", "-c",
                    "for i in $(seq 60); do \"$0\" agent connect --count 10 --timeout 3000 \"$1\" || exit 1; done",
                    BuiltProgram.lab, "\(LifeScript.vip):80/tcp",
                ],
                in: fixture.lab.pod(3)
            )
            try fixture.stop()
            try fixture.changeMode("ipvs")
            try fixture.start()
            try fixture.waitUntilApplied()
            #expect(early.isAlive())
            let late = try fixture.agent.hold("\(LifeScript.vip):80/tcp", in: fixture.lab.client)
            try fixture.stop()
            try fixture.changeMode("iptables")
            try fixture.start()
            try fixture.waitUntilApplied()
            try waitForServers(fixture) {
                $0.allSatisfy { !$0.hasPrefix("-a") || $0.hasSuffix("-w 0") }
            }
            #expect(early.isAlive())
            #expect(late.isAlive())
            let sets = try LabCommand.run(["ipset", "list", "-n"], in: fixture.lab.node)
            #expect(!sets.contains("FAIRLEAD"))
            let rules = try fixture.rules(.ipv4)
            #expect(!rules.contains { $0.contains("FAIRLEAD-POLICY") })
            let (output, status) = try client.finish(Deadline(in: .seconds(120)))
            #expect(status == 0)
            let answers = Set(output.split(separator: "\n").map { String($0.prefix { $0 != " " }) })
            #expect(answers == ["pod1", "pod2"])
            try fixture.stop()
        }

        @Test(
            "Connections of clients inside outlive their Service and the mode, with policy Local, too"
        )
        func insideClients() throws {
            let fixture = try DaemonFixture(mode: "ipvs")
            // Nobody outside is served here, so that the address has connections by a mark alone.
            let manifest = """
                services:
                  - name: shop/elsewhere
                    address: 10.96.0.12
                    ports: [{port: 80, targetPort: 8080}]
                    externalTrafficPolicy: Local
                    externalIPs: [198.51.100.9]
                    endpoints: [{address: \(LabAddresses.pod(2, .ipv4)), node: node-b}]

                """
            try fixture.write(manifest)
            try fixture.start()
            try fixture.waitUntilApplied()
            func connections() throws -> [LabConnection] {
                try [fixture.lab.pod(3), fixture.lab.node].map {
                    try fixture.agent.hold("198.51.100.9:80/tcp", in: $0)
                }
            }
            let early = try connections()
            try fixture.remove("services.yaml")
            try fixture.waitUntilApplied()
            #expect(early.allSatisfy { $0.isAlive() })
            try fixture.write(manifest)
            try fixture.waitUntilApplied()
            let late = try connections()
            try fixture.stop()
            try fixture.changeMode("iptables")
            try fixture.start()
            try fixture.waitUntilApplied()
            try waitForServers(fixture) {
                $0.allSatisfy { !$0.hasPrefix("-a") || $0.hasSuffix("-w 0") }
            }
            #expect((early + late).allSatisfy { $0.isAlive() })
            try fixture.stop()
        }

        @Test("An address stays for the node's own connections that another mode leads")
        func ownConnections() throws {
            let fixture = try DaemonFixture(mode: "ipvs")
            let vips = ["10.96.0.10", "fd00:96::10", "10.96.0.20"]
            let endpoints = IPFamily.allCases.map { "{address: \"\(LabAddresses.pod(1, $0))\"}" }
            try fixture.write(
                """
                services:
                  - name: shop/web
                    addresses: [\(vips[0]), "\(vips[1])"]
                    ports: [{port: 80, targetPort: 8080}]
                    endpoints: [\(endpoints.joined(separator: ", "))]
                  - name: shop/other
                    address: \(vips[2])
                    ports: [{port: 80, targetPort: 8080}]
                    endpoints: [\(endpoints[0])]

                """
            )
            func hold(_ vip: String, in namespace: String) throws -> LabConnection {
                try fixture.agent.hold(DaemonFixture.endpoint(vip, "80/tcp"), in: namespace)
            }
            func addresses() throws -> String {
                try LabCommand.run(["ip", "-o", "address", "show"], in: fixture.lab.node)
            }
            try fixture.start()
            try fixture.waitUntilApplied()
            // They keep the addresses bound in the other mode.
            let draining = try vips.map { try hold($0, in: fixture.lab.client) }
            try fixture.stop()
            try fixture.changeMode("iptables")
            try fixture.start()
            try fixture.waitUntilApplied()
            try waitForServers(fixture) {
                $0.allSatisfy { !$0.hasPrefix("-a") || $0.hasSuffix("-w 0") }
            }
            var own = try vips.prefix(2).map { try hold($0, in: fixture.lab.node) }
            #expect(draining.allSatisfy { $0.isAlive() })
            try fixture.run(["ipvsadm", "-C"])
            try fixture.wait(for: "the end of the other address") {
                try !addresses().contains(vips[2])
            }
            #expect(own.allSatisfy { $0.isAlive() })
            let bound = try addresses()
            #expect(bound.contains("\(vips[0])/32") && bound.contains("\(vips[1])/128"), "\(bound)")
            let verify = try fixture.fairlead("verify")
            #expect(verify.status == 0, "\(verify.output)")
            own = []
            try fixture.wait(for: "the end of all") { try !addresses().contains("fairlead0") }
            try fixture.stop()
        }

        @Test("Back in ipvs mode it stays for them even when its Service goes")
        func ownConnectionsOfGoneService() throws {
            let fixture = try DaemonFixture(mode: "ipvs")
            let vips = ["10.96.0.10", "fd00:96::10"]
            let endpoints = IPFamily.allCases.map { "{address: \"\(LabAddresses.pod(1, $0))\"}" }
            try fixture.write(
                """
                services:
                  - name: shop/web
                    addresses: [\(vips[0]), "\(vips[1])"]
                    ports: [{port: 80, targetPort: 8080}]
                    endpoints: [\(endpoints.joined(separator: ", "))]

                """
            )
            func hold(in namespace: String) throws -> [LabConnection] {
                try vips.map {
                    try fixture.agent.hold(DaemonFixture.endpoint($0, "80/tcp"), in: namespace)
                }
            }
            func serve(_ mode: String) throws {
                try fixture.stop()
                try fixture.changeMode(mode)
                try fixture.start()
                try fixture.waitUntilApplied()
            }
            func bound() throws -> [String] {
                let all = try LabCommand.run(["ip", "-o", "address", "show"], in: fixture.lab.node)
                return vips.filter { all.contains(" \($0)/") }
            }
            // In the sets whose addresses have their other ports refused.
            func listed() throws -> [String] {
                let all = try LabCommand.run(["ipset", "save"], in: fixture.lab.node)
                return zip(["4", "6"], vips)
                    .filter { all.contains("add FAIRLEAD-\($0)-VIP \($1)\n") }
                    .map { $1 }
            }
            try fixture.start()
            try fixture.waitUntilApplied()
            // They keep the addresses bound until the node's own connections do.
            let draining = try hold(in: fixture.lab.client)
            try serve("iptables")
            var own = try hold(in: fixture.lab.node)
            #expect(draining.allSatisfy { $0.isAlive() })
            try fixture.run(["ipvsadm", "-C"])
            try serve("ipvs")
            #expect(own.allSatisfy { $0.isAlive() })
            try fixture.remove("services.yaml")
            try fixture.waitUntilApplied()
            try waitForServers(fixture) { $0.isEmpty }
            #expect(own.allSatisfy { $0.isAlive() })
            #expect(try bound() == vips)
            let verify = try fixture.fairlead("verify")
            #expect(verify.status == 0, "\(verify.output)")
            // Through a restart, too, and while other programs change things.
            try serve("ipvs")
            try fixture.run(["ip", "link", "set", "fairlead0", "mtu", "1400"])
            try fixture.run(["ipset", "flush"])
            try fixture.waitUntilApplied()
            #expect(own.allSatisfy { $0.isAlive() })
            try fixture.wait(for: "their entries") { try listed() == vips }
            // Each of them alone, and from a mode that has no sets.
            try fixture.run(["ipset", "del", "FAIRLEAD-4-VIP", vips[0]])
            try fixture.wait(for: "the entry") { try listed() == vips }
            try serve("iptables")
            #expect(try listed() == [])
            try serve("ipvs")
            try fixture.wait(for: "their entries") { try listed() == vips }
            #expect(own.allSatisfy { $0.isAlive() })
            #expect(try bound() == vips)
            own = []
            try fixture.wait(for: "the end of the addresses") { try bound().isEmpty }
            try fixture.wait(for: "the end of the entries") { try listed().isEmpty }
            #expect(!fixture.log.contains("Kernel refused"), "\(fixture.log)")
            try fixture.stop()
        }

        @Test("plan, apply, trace and plan --diff agree")
        func commands() throws {
            let fixture = try DaemonFixture(mode: "ipvs", servers: false)
            try fixture.write(LifeScript.web(1, 2))
            #expect(try fixture.fairlead("plan", "--diff", "--exit-code").status == 2)
            let first = try fixture.fairlead("apply")
            #expect(first.status == 0, "\(first.output)")
            #expect(try fixture.fairlead("plan", "--diff", "--exit-code").status == 0)
            #expect(try fixture.fairlead("apply").output.contains("nothing to change"))
            let trace = try fixture.fairlead(
                "trace",
                "--kernel",
                "--from",
                "10.180.0.13",
                "--to",
                "\(LifeScript.vip):80/tcp"
            )
            #expect(trace.output.contains("10.180.0.11:8080"), "\(trace.output)")
            let check = try fixture.fairlead("check")
            #expect(check.status == 0, "\(check.output)")
        }
    }
}
