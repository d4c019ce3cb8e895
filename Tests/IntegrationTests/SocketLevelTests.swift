import Addressing
import Foundation
import Glibc
import NamespaceLab
import Testing

extension KernelSuites {
    /// The daemon's socket level, for processes in a cgroup of the test's own.
    @Suite("Socket level")
    struct SocketLevelTests {
        private let level: SocketLevelFixture

        init() throws { level = try SocketLevelFixture() }

        private func fixture(_ scope: String, mode: String = "nftables") throws -> DaemonFixture {
            let fixture = try DaemonFixture(mode: mode, extra: level.section(scope))
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            return fixture
        }

        /// Writes the configuration with another scope and has it read.
        private func reload(_ fixture: DaemonFixture, from old: String, to new: String) throws {
            let text = try String(contentsOfFile: fixture.configuration, encoding: .utf8)
            try text.replacing("scope: \(old)", with: "scope: \(new)")
                .write(toFile: fixture.configuration, atomically: true, encoding: .utf8)
            fixture.daemon?.signal(SIGHUP)
        }

        /// Connections of that client that were translated in the node's packet rules.
        private func isTracked(_ fixture: DaemonFixture) throws -> Bool {
            try fixture.run(["conntrack", "-L", "-p", "tcp", "--orig-dst", LifeScript.vip])
                .contains("dst=\(LifeScript.vip)")
        }

        @Test(
            "A connection goes to the endpoint untranslated, and the socket shows the Service",
            arguments: ["iptables", "nftables"]
        )
        func connects(mode: String) throws {
            let fixture = try fixture("all", mode: mode)
            let client = try level.client(in: fixture.lab.pod(3))
            let answer = try client.connect(LifeScript.vip, 80)
            #expect(
                answer
                    == "pod1 peer \(LifeScript.vip):80 own \(LabAddresses.pod(3, .ipv4))"
            )
            #expect(try !isTracked(fixture))
            // The same from the kernel's maps.
            let traced = try fixture.fairlead(
                "trace",
                "--kernel",
                "--from",
                LabAddresses.pod(3, .ipv4),
                "--to",
                "\(LifeScript.vip):80/tcp"
            )
            #expect(traced.status == 0, "\(traced.output)")
            #expect(traced.output.contains("socket connect()\n  frontend \(LifeScript.vip):80/tcp"))
            #expect(
                traced.output.contains(
                    "the client connects to \(LabAddresses.pod(1, .ipv4)):8080 instead"
                )
            )
            // Outside the cgroup the rules serve.
            #expect(try LifeScript.answers(fixture, count: 1) == ["pod1"])
            #expect(try isTracked(fixture))
            try fixture.write(LifeScript.web(2))
            try fixture.waitUntilApplied()
            #expect(try client.connect(LifeScript.vip, 80).hasPrefix("pod2 "))
            try fixture.stop()
            // All stays without the daemon.
            #expect(try client.connect(LifeScript.vip, 80).hasPrefix("pod2 "))
            let cleanup = try fixture.fairlead("cleanup")
            #expect(cleanup.status == 0, "\(cleanup.output)")
            #expect(cleanup.output.contains("socket level: "), "\(cleanup.output)")
            #expect(level.pins == [])
            #expect(access(level.directory, F_OK) != 0)
        }

        @Test(
            "A trace of a pod that nothing tells from others says so, and takes the administrator's word"
        )
        func tracedPods() throws {
            let fixture = try DaemonFixture(
                mode: "nftables",
                localDetector: "detectLocal: {mode: None}",
                extra: level.section("all")
            )
            try fixture.write(LifeScript.web(1))
            func trace(_ more: String...) throws -> String {
                let words = [
                    "trace", "--from", LabAddresses.pod(3, .ipv4), "--to",
                    "\(LifeScript.vip):80/tcp",
                ]
                return try LabCommand.result(
                    [BuiltProgram.fairlead] + words + more + ["-c", fixture.configuration]
                ).output
            }
            let unknown = try trace()
            #expect(unknown.contains("is a pod of this node is unknown"), "\(unknown)")
            #expect(!unknown.contains("socket connect()"), "\(unknown)")
            let pod = try trace("--pod")
            #expect(pod.contains("socket connect()"), "\(pod)")
            #expect(!pod.contains("is unknown"), "\(pod)")
            // Nothing is attached before the daemon starts.
            let kernel = try trace("--pod", "--kernel")
            #expect(kernel.contains("its programs are not attached"), "\(kernel)")
            #expect(!kernel.contains("socket connect()"), "\(kernel)")
        }

        @Test("Without their cgroup, and after a cleanup, verify and plan say what is missing")
        func missing() throws {
            let fixture = try fixture("all")
            try fixture.stop()
            #expect(try fixture.fairlead("verify").status == 0)
            #expect(rmdir(level.cgroup) == 0)
            let gone = try fixture.fairlead("verify")
            #expect(gone.status == 2)
            #expect(gone.output.contains("socket programs"), "\(gone.output)")
            #expect(!gone.output.contains("different"), "\(gone.output)")
            let plan = try fixture.fairlead("plan", "--diff", "--exit-code")
            #expect(plan.status == 2)
            #expect(plan.output.contains("@@ attach the socket programs @@"), "\(plan.output)")
            #expect(try fixture.fairlead("cleanup").status == 0)
            let clean = try fixture.fairlead("verify")
            #expect(clean.status == 2)
            #expect(clean.output.contains("frontend \(LifeScript.vip):80/tcp"), "\(clean.output)")
            #expect(!clean.output.contains("different"), "\(clean.output)")
        }

        @Test("Switched on, off and on by reload under load, no connection fails")
        func reloads() throws {
            let fixture = try fixture("off")
            #expect(level.pins == [])
            let client = try level.client(in: fixture.lab.pod(3))
            try client.loop(LifeScript.vip, 80)
            for (old, new) in [("off", "all"), ("all", "off"), ("off", "all")] {
                try reload(fixture, from: old, to: new)
                try fixture.wait(for: "scope \(new)") { level.pins.isEmpty == (new == "off") }
                let before = try client.count()
                try fixture.wait(for: "connections") { try client.count() > before + 100 }
            }
            let (done, errors) = try client.end()
            #expect(errors == "")
            #expect(done > 300)
            try fixture.waitUntilApplied()
            #expect(
                try client.connect(LifeScript.vip, 80).hasPrefix("pod1 peer \(LifeScript.vip):80")
            )
            try fixture.stop()
        }

        @Test("Killed and started again under load, no connection fails, and changes are taken up")
        func killed() throws {
            let fixture = try fixture("all")
            let client = try level.client(in: fixture.lab.pod(3))
            try client.loop(LifeScript.vip, 80)
            try fixture.stop(SIGKILL)
            let before = try client.count()
            try fixture.wait(for: "connections") { try client.count() > before + 50 }
            try fixture.write(LifeScript.web(2))
            try fixture.start()
            try fixture.waitUntilApplied()
            #expect(try client.end().errors == "")
            #expect(try client.connect(LifeScript.vip, 80).hasPrefix("pod2 "))
            try fixture.stop()
        }

        @Test("Programs that another one detached are attached again within a second")
        func detached() throws {
            let fixture = try fixture("all")
            let client = try level.client(in: fixture.lab.pod(3))
            let pin = "\(level.directory)/ipv4/links/fl_connect4"
            let began = ContinuousClock.now
            try LabCommand.run(["bpftool", "link", "detach", "pinned", pin])
            try fixture.wait(for: "repair") {
                try LabCommand.run(["bpftool", "cgroup", "show", level.cgroup])
                    .contains("fl_connect4")
            }
            // The fixture's daemon looks five times a second.
            #expect(ContinuousClock.now - began < .seconds(5))
            #expect(
                try client.connect(LifeScript.vip, 80).hasPrefix("pod1 peer \(LifeScript.vip):80")
            )
            #expect(try !isTracked(fixture))
            try fixture.wait(for: "drift in the metrics") {
                try fixture.metric("fairlead_socket_drift_repaired_total") > 0
            }
            // What it had open before is closed.
            let maps = try openMaps(of: try #require(fixture.daemon?.pid))
            #expect(!maps.isEmpty && Set(maps).count == maps.count, "\(maps)")
            try fixture.stop()
        }

        /// The numbers of the maps that a process has open.
        private func openMaps(of process: Int32) throws -> [Substring] {
            let directory = "/proc/\(process)/fdinfo"
            return try FileManager.default.contentsOfDirectory(atPath: directory).flatMap { name in
                let text =
                    (try? String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)) ?? ""
                return text.split(separator: "\n").filter { $0.hasPrefix("map_id:") }
            }
        }

        /// A Service over UDP with an endpoint on each pod.
        private func dns(_ number: Int, _ pods: Int...) -> String {
            let endpoints = pods.map { "{address: \(LabAddresses.pod($0, .ipv4))}" }
            return """
                services:
                  - name: shop/dns\(number)
                    address: 10.96.0.5\(number)
                    ports: [{port: 53, targetPort: 5353, protocol: UDP}]
                    endpoints: [\(endpoints.joined(separator: ", "))]

                """
        }

        @Test(
            "Connected UDP sockets of endpoints that go are ended within a second, and others are not",
            arguments: ["node", "all"]
        )
        func endedSockets(scope: String) throws {
            let section = level.section(scope, protocols: "[TCP, UDP]")
            let fixture = try DaemonFixture(mode: "nftables", extra: section)
            try fixture.write(dns(1, 1))
            try fixture.write(dns(2, 1, 2), to: "other.yaml")
            try fixture.start()
            try fixture.waitUntilApplied()
            let pod = try level.client(in: fixture.lab.pod(3))
            let node = try level.client(in: fixture.lab.node)
            for client in [pod, node] {
                #expect(try client.follow("one", "10.96.0.51", 53) == "pod1")
                #expect(try client.follow("two", "10.96.0.52", 53).hasPrefix("pod"))
            }
            let served = scope == "all" ? [pod, node] : [node]
            // No pass was needed for them.
            try fixture.wait(for: "sockets in the status") {
                try fixture.fairlead("status").output
                    .contains("udp_sockets \(2 * served.count) of 65536")
            }
            try fixture.write(dns(1, 2))
            try fixture.waitUntilApplied()
            let began = ContinuousClock.now
            for client in served {
                try fixture.wait(for: "an error") { try client.followed("one") != "waiting pod1" }
                #expect(try client.followed("one") == "ECONNABORTED pod2")
                #expect(try client.followed("two").hasPrefix("waiting "))
            }
            #expect(ContinuousClock.now - began < .seconds(1))
            // Left to the rules, whose flow goes on with the other endpoint.
            if scope == "node" { #expect(try pod.followed("one") == "waiting pod1") }
            try fixture.wait(for: "sockets in the metrics") {
                try fixture.metric("fairlead_socket_udp_ended_total") == Double(served.count)
            }
            try fixture.stop()
            #expect(!fixture.log.contains("Failed to end UDP sockets"), "\(fixture.log)")
        }

        @Test("Where programs cannot be pinned the rules serve, and status says why")
        func unusable() throws {
            let plain =
                FileManager.default.temporaryDirectory.path + "/fairlead-plain-\(getpid())"
            defer { try? FileManager.default.removeItem(atPath: plain) }
            let other = try DaemonFixture(
                mode: "nftables",
                extra: level.section("all")
                    .replacing(level.directory, with: plain)
            )
            try other.write(LifeScript.web(1))
            try other.start()
            let words = "not on a bpf file system; mount -t bpf bpf /sys/fs/bpf"
            try other.wait(for: "words in the log") { other.log.contains(words) }
            try other.wait(for: "answers") {
                (try? LifeScript.answers(other, count: 1)) == ["pod1"]
            }
            let status = try other.fairlead("status")
            #expect(status.output.contains("socket level: IPv4: "), "\(status.output)")
            #expect(status.output.contains(words), "\(status.output)")
            try other.stop()
        }
    }
}
