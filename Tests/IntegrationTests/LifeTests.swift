import Addressing
import Glibc
import NamespaceLab
import Testing

extension KernelSuites {
    /// What happens over time: changes, damage, restarts, the end.
    @Suite("Life")
    struct LifeTests {
        @Test("Endpoints and Services come and go while the daemon runs")
        func liveChanges() throws {
            let fixture = try DaemonFixture()
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            #expect(try LifeScript.answers(fixture) == ["pod1"])
            try fixture.write(LifeScript.web(1, 2))
            try fixture.waitUntilApplied()
            #expect(try LifeScript.answers(fixture) == ["pod1", "pod2"])
            try fixture.write(LifeScript.web(2))
            try fixture.waitUntilApplied()
            #expect(try LifeScript.answers(fixture) == ["pod2"])
            try fixture.write(LifeScript.web())
            try fixture.waitUntilApplied()
            #expect(try LifeScript.answers(fixture, count: 1) == ["refused"])
            // A mistake removes nothing, and is reported with its place.
            try fixture.write(LifeScript.web(1))
            try fixture.waitUntilApplied()
            try fixture.write("services:\n  - {name: shop/web, ports: [}\n")
            #expect(try eventually { fixture.log.contains("services.yaml:2:") }, "\(fixture.log)")
            #expect(try LifeScript.answers(fixture) == ["pod1"])
            try fixture.remove("services.yaml")
            try fixture.waitUntilApplied()
            #expect(try fixture.rules(.ipv4).allSatisfy { !$0.contains(LifeScript.vip) })
            try fixture.stop()
        }

        @Test("A connection lives through changes, a restart and kill -9 before a pass writes")
        func establishedConnection() throws {
            let fixture = try DaemonFixture()
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            let connection = try fixture.agent.hold(
                "\(LifeScript.vip):80/tcp",
                in: fixture.lab.client
            )
            #expect(connection.isAlive())
            // Another Service, another endpoint, and even its own endpoint gone from the list.
            try fixture.write(LifeScript.ballast(3), to: "other.yaml")
            try fixture.write(LifeScript.web(1, 2))
            try fixture.waitUntilApplied()
            #expect(connection.isAlive())
            try fixture.write(LifeScript.web(2))
            try fixture.waitUntilApplied()
            #expect(connection.isAlive())
            try fixture.write(LifeScript.web())
            try fixture.waitUntilApplied()
            #expect(connection.isAlive())
            try fixture.stop()
            #expect(connection.isAlive())
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            #expect(connection.isAlive())
            // While it waits for the lock, with the plan made and nothing written.
            let status = try fixture.holdingPass(
                after: { try fixture.write(LifeScript.ballast(500), to: "other.yaml") },
                { try fixture.stop(SIGKILL) }
            )
            #expect(status == 128 + SIGKILL)
            #expect(try fixture.fairlead("plan", "--diff", "--exit-code").status == 2)
            #expect(connection.isAlive())
            try fixture.start()
            try fixture.waitUntilApplied()
            #expect(connection.isAlive())
            #expect(try LifeScript.answers(fixture) == ["pod1"])
            try fixture.stop()
        }

        /// Tables of iptables are written by setsockopt, transactions of nftables by a send.
        static let writes = [("iptables", "setsockopt"), ("nftables", "sendto,sendmsg")]

        @Test("A connection lives through kill -9 at every write of a pass", arguments: writes)
        func killedPass(_ mode: String, _ call: String) throws {
            let fixture = try DaemonFixture(mode: mode)
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            let connection = try fixture.agent.hold(
                "\(LifeScript.vip):80/tcp",
                in: fixture.lab.client
            )
            var hits = 0
            // At the first call, at the second and so on, until a pass has no more.
            while try fixture.killed(
                at: call,
                number: hits + 1,
                after: {
                    try fixture.write(LifeScript.web(hits % 2 == 0 ? 2 : 1))
                    try fixture.write(LifeScript.ballast(20 + hits), to: "other.yaml")
                }
            ) {
                hits += 1
                #expect(connection.isAlive(), "hit \(hits)")
                try fixture.start()
                try fixture.waitUntilApplied()
                #expect(connection.isAlive(), "after hit \(hits)")
                let pod = hits % 2 == 1 ? "pod2" : "pod1"
                #expect(try LifeScript.answers(fixture) == [pod], "after hit \(hits)")
                try #require(hits < 50)
            }
            // A change of one table of nftables is one transaction.
            #expect(hits >= (mode == "nftables" ? 1 : 2))
            #expect(connection.isAlive())
            try fixture.stop()
        }

        @Test("What other programs flush, delete or edit is put back")
        func repair() throws {
            let fixture = try DaemonFixture()
            try fixture.write(LifeScript.web(1, 2))
            try fixture.start()
            try fixture.waitUntilApplied()
            let before = try fixture.rules(.ipv4)
            try fixture.iptables("-t", "nat", "-F")
            try fixture.waitUntilApplied()
            #expect(try fixture.rules(.ipv4) == before)
            #expect(try LifeScript.answers(fixture) == ["pod1", "pod2"])
            try fixture.iptables("-t", "filter", "-D", "FORWARD", "1")
            try fixture.waitUntilApplied()
            #expect(try fixture.rules(.ipv4) == before)
            // An edit that keeps the table's size.
            try fixture.iptables(
                "-t",
                "nat",
                "-R",
                "FAIRLEAD-SERVICES",
                "1",
                "-d",
                "10.96.0.99",
                "-p",
                "tcp",
                "-m",
                "tcp",
                "--dport",
                "80",
                "-j",
                "ACCEPT"
            )
            try fixture.waitUntilApplied()
            #expect(try LifeScript.answers(fixture) == ["pod1", "pod2"])
            try fixture.stop()
        }

        @Test("Foreign rules and counters are not touched, and cleanup leaves only them")
        func foreignRules() throws {
            let fixture = try DaemonFixture(servers: false)
            try fixture.iptables("-t", "nat", "-A", "POSTROUTING", "-o", "eth9", "-j", "MASQUERADE")
            try fixture.iptables("-N", "OTHER")
            try fixture.iptables("-A", "INPUT", "-p", "tcp", "--dport", "9", "-j", "OTHER")
            try fixture.iptables("-A", "INPUT", "-i", "lo", "-j", "ACCEPT")
            try fixture.iptables("-P", "FORWARD", "ACCEPT")
            // Something to count.
            _ = try fixture.agent.connect(to: "127.0.0.1:9/tcp", in: fixture.lab.node)
            // iptables-save leaves out tables that no program has opened yet.
            for table in ["nat", "filter"] {
                try fixture.run(["ip6tables-legacy", "-t", table, "-L"])
            }
            let before = try IPFamily.allCases.map { try fixture.rules($0, counters: true) }
            #expect(before[0].contains { $0.hasPrefix("[1:60] -A INPUT -p tcp") })
            try fixture.write(LifeScript.web(1, 2))
            try fixture.start()
            try fixture.waitUntilApplied()
            try fixture.write(LifeScript.web(1))
            try fixture.waitUntilApplied()
            let during = try fixture.rules(.ipv4, counters: true).filter {
                !$0.contains("FAIRLEAD-")
            }
            #expect(during == before[0])
            // Added while the daemon runs, by a program that does not know it.
            try fixture.iptables("-I", "INPUT", "-p", "udp", "--dport", "7", "-j", "DROP")
            try fixture.write(LifeScript.web(1, 2))
            try fixture.waitUntilApplied()
            try fixture.iptables("-D", "INPUT", "-p", "udp", "--dport", "7", "-j", "DROP")
            try fixture.stop()
            #expect(try fixture.fairlead("cleanup").status == 0)
            let after = try IPFamily.allCases.map { try fixture.rules($0, counters: true) }
            for (old, new) in zip(before, after) {
                #expect(new == old)
            }
        }

        @Test("plan and trace take the addresses of the configured network namespace")
        func addressesOfNamespace() throws {
            let fixture = try DaemonFixture(servers: false)
            let node = LabAddresses.node(.ipv4)
            try fixture.write(
                """
                services:
                  - name: shop/web
                    address: \(LifeScript.vip)
                    ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
                    endpoints: [{address: 10.180.0.11}]
                """
            )
            let planned = try fixture.fairlead(
                "trace",
                "--from",
                "192.0.2.50",
                "--to",
                "\(node):30080/tcp"
            )
            #expect(planned.output.contains("10.180.0.11:8080"))
            let unknown = try fixture.fairlead("plan", "--netns", "/nonexistent/namespace")
            #expect(unknown.status == 0)
            #expect(
                unknown.output.contains(
                    "warning: with the node addresses of the present network namespace: "
                )
            )
        }

        @Test("plan, apply and plan --diff agree, with exit codes")
        func commands() throws {
            let fixture = try DaemonFixture(servers: false)
            try fixture.write(LifeScript.web(1, 2))
            #expect(try fixture.fairlead("plan", "--diff", "--exit-code").status == 2)
            let first = try fixture.fairlead("apply")
            #expect(first.status == 0)
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
            #expect(trace.output.contains("10.180.0.11:8080"))
            try fixture.write("services: [{name: shop/web, ports: [{port: 0}]}]")
            let refused = try fixture.fairlead("apply")
            #expect(refused.status == 1)
            #expect(refused.output.contains("services.yaml:1: shop/web:"))
            #expect(try fixture.rules(.ipv4).contains { $0.contains(LifeScript.vip) })
            #expect(try fixture.fairlead("cleanup").status == 0)
            #expect(try fixture.rules(.ipv4).allSatisfy { !$0.contains("FAIRLEAD") })
        }
    }
}
