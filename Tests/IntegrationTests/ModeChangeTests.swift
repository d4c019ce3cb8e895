import Addressing
import Foundation
import Glibc
import NamespaceLab
import Testing

extension KernelSuites {
    /// What another mode left is removed as soon as the present one serves, whatever else fails.
    @Suite("Change of mode")
    struct ModeChangeTests {
        /// With a node port, for which iptables mode wants to set a parameter of the host.
        private static func web(_ pods: Int...) -> String {
            let endpoints = pods.map { "{address: \(LabAddresses.pod($0, .ipv4))}" }
            return """
                services:
                  - name: shop/web
                    address: \(LifeScript.vip)
                    ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
                    endpoints: [\(endpoints.joined(separator: ", "))]

                """
        }

        private func hasTable(_ fixture: DaemonFixture) throws -> Bool {
            try LabCommand.run(["nft", "list", "tables"], in: fixture.lab.node)
                .contains("fairlead")
        }

        @Test("With a read-only /proc/sys the old mode's table goes, and new endpoints count")
        func readOnlySettings() throws {
            let fixture = try DaemonFixture(mode: "nftables")
            try fixture.write(Self.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            #expect(try LifeScript.answers(fixture) == ["pod1"])
            try fixture.stop()
            #expect(try hasTable(fixture))
            try fixture.changeMode("iptables")
            try fixture.startWithReadOnlySettings()
            try waitForRules(fixture)
            try fixture.wait(for: "removal of the table") { try !hasTable(fixture) }
            // What could not be set is still reported.
            for words in [
                "node ports do not answer on 127.0.0.1", "Removed objects of another mode",
            ] {
                try fixture.wait(for: "\(words) in the log") { fixture.log.contains(words) }
            }
            let status = try fixture.fairlead("status")
            #expect(status.output.contains("node ports do not answer"), "\(status.output)")
            #expect(!status.output.contains("other mode:"), "\(status.output)")
            try fixture.write(Self.web(2))
            try waitForRules(fixture)
            #expect(try LifeScript.answers(fixture, count: 16) == ["pod2"])
            try fixture.stop()
        }

        /// Whatever settings of the host are missing.
        private func waitForRules(_ fixture: DaemonFixture) throws {
            try fixture.wait(for: "the rules") {
                try fixture.fairlead("plan", "--diff").output
                    .hasPrefix("# IPv4: nothing to change\n# IPv6: nothing to change\n")
            }
        }

        @Test(
            "As long as the new mode cannot serve, the old one does, and log and status report it"
        )
        func blocked() throws {
            let fixture = try DaemonFixture(mode: "nftables")
            try fixture.write(Self.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            try fixture.stop()
            try fixture.changeMode("iptables")
            // Not to wait long for the lock, and so neither long for the next try.
            try String(contentsOfFile: fixture.configuration, encoding: .utf8)
                .replacing("xtables.lock}", with: "xtables.lock, lockTimeout: 100ms}")
                .write(toFile: fixture.configuration, atomically: true, encoding: .utf8)
            let verify = try fixture.fairlead("verify", "shop/web")
            #expect(verify.status == 2)
            #expect(
                verify.output.contains(
                    "another mode: left over, and may win over what is wanted\n  IPv4  unexpected table: fairlead of nftables\n"
                ),
                "\(verify.output)"
            )
            let lock = try LabProcess([
                "flock", "--no-fork", "\(fixture.directory)/xtables.lock", "sleep", "600",
            ])
            try fixture.start()
            let remains = "table fairlead of nftables: needed until the mode in use has programmed"
            try fixture.wait(for: "report of the old table") {
                fixture.log.contains(remains)
            }
            #expect(fixture.log.contains("Objects of another mode remain"))
            let status = try fixture.fairlead("status")
            #expect(status.output.contains("other mode: IPv4: \(remains) IPv4"), "\(status.output)")
            #expect(try LifeScript.answers(fixture, count: 10) == ["pod1"])
            lock.signal(SIGKILL)
            _ = try lock.finish()
            try fixture.wait(for: "removal of the table") { try !hasTable(fixture) }
            try fixture.waitUntilApplied()
            #expect(try LifeScript.answers(fixture, count: 10) == ["pod1"])
            let equal = try fixture.fairlead("verify")
            #expect(equal.status == 0, "\(equal.output)")
            try fixture.stop()
        }

        @Test("Objects of another mode that appear beside the daemon go, and apply makes none")
        func beside() throws {
            let fixture = try DaemonFixture(mode: "iptables", servers: false)
            try fixture.write(Self.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            let refused = try fixture.fairlead("apply", "--mode", "nftables")
            #expect(refused.status == 1)
            #expect(refused.output.contains("serves in mode iptables"), "\(refused.output)")
            #expect(try !hasTable(fixture))
            // Whether it can be asked, or not.
            let unheard = "\(fixture.directory)/unheard.yaml"
            try String(contentsOfFile: fixture.configuration, encoding: .utf8)
                .replacing("fairlead.sock", with: "other.sock")
                .write(toFile: unheard, atomically: true, encoding: .utf8)
            let elsewhere = "\(fixture.directory)/elsewhere.yaml"
            try String(contentsOfFile: fixture.configuration, encoding: .utf8)
                .replacing("\(fixture.directory)/state", with: "\(fixture.directory)/other")
                .write(toFile: elsewhere, atomically: true, encoding: .utf8)
            for (file, words) in [
                (unheard, "has no socket here to be asked"), (elsewhere, "state directory is "),
            ] {
                let apply = try LabCommand.result([BuiltProgram.fairlead, "apply", "-c", file])
                #expect(apply.status == 1 && apply.output.contains(words), "\(apply.output)")
            }
            fixture.daemon?.signal(SIGSTOP)
            let silent = try fixture.fairlead("apply")
            fixture.daemon?.signal(SIGCONT)
            #expect(silent.status == 1 && silent.output.contains("nothing done: the daemon at "))
            #expect(try !hasTable(fixture))
            // By a command that does not find the daemon.
            let other = "\(fixture.directory)/other.yaml"
            try String(contentsOfFile: fixture.configuration, encoding: .utf8)
                .replacing("fairlead.sock", with: "other.sock")
                .replacing("\(fixture.directory)/state", with: "\(fixture.directory)/other")
                .write(toFile: other, atomically: true, encoding: .utf8)
            // Nor does it know that the daemon switched route_localnet on.
            let apply = ["apply", "--mode", "nftables", "-c", other]
            #expect(try LabCommand.result([BuiltProgram.fairlead] + apply).status == 1)
            #expect(try hasTable(fixture))
            fixture.daemon?.signal(SIGHUP)
            try fixture.wait(for: "removal of the table") { try !hasTable(fixture) }
            try fixture.stop()
        }

        @Test("apply with another mode removes the old one")
        func apply() throws {
            let fixture = try DaemonFixture(mode: "iptables", servers: false)
            try fixture.write(Self.web(1))
            #expect(try fixture.fairlead("apply").status == 0)
            try fixture.changeMode("nftables")
            let verify = try fixture.fairlead("verify")
            #expect(verify.output.contains("unexpected chain: nat FAIRLEAD-"), "\(verify.output)")
            let plan = try fixture.fairlead("plan", "--diff", "--exit-code")
            #expect(plan.status == 2 && plan.output.contains("\n# IPv4, beside the rules: "))
            #expect(plan.output.contains("\n# unexpected chain: nat FAIRLEAD-"), "\(plan.output)")
            let apply = try fixture.fairlead("apply")
            #expect(apply.status == 0, "\(apply.output)")
            #expect(try fixture.fairlead("verify").status == 0)
            #expect(try !fixture.rules(.ipv4).contains { $0.contains("FAIRLEAD") })
            // Where nothing but leftovers is to change, that counts too.
            try fixture.iptables("-t", "nat", "-N", "FAIRLEAD-OLD")
            let left = try fixture.fairlead("plan", "--diff", "--exit-code")
            #expect(left.status == 2 && left.output.contains("# IPv4: nothing to change\n"))
            let rest = try fixture.fairlead("apply")
            #expect(rest.output.contains("IPv4: 1 Service, 1 change\n"), "\(rest.output)")
            #expect(try fixture.fairlead("plan", "--diff", "--exit-code").status == 0)
        }
    }
}
