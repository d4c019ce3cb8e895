import Addressing
import Glibc
import NamespaceLab
import Testing

extension KernelSuites {
    /// `fairlead verify` and the log name the Service whose objects were damaged.
    @Suite("Verify")
    struct VerifyTests {
        @Test("iptables: a damaged chain is named with its Service, and repaired in its name")
        func iptables() throws {
            let fixture = try VerifyScript.programmed("iptables")
            let chain = try #require(
                fixture.rules(.ipv4).first { $0.hasPrefix(":FAIRLEAD-C") && $0.contains("-web") }
            )
            let name = String(chain.dropFirst().prefix { $0 != " " })
            try fixture.iptables("-t", "nat", "-F", name)
            try VerifyScript.check(fixture, "different chain: nat \(name)")
            try VerifyScript.checkLog(fixture) { try fixture.iptables("-t", "nat", "-F", name) }
        }

        @Test("nftables: a missing element is named with its Service, and put back in its name")
        func nftables() throws {
            let fixture = try VerifyScript.programmed("nftables")
            let damage = "delete element ip fairlead cluster-ips { 10.96.0.10 . tcp . 80 }"
            func damageIt() throws {
                try LabCommand.run(["nft", damage], in: fixture.lab.node)
            }
            try damageIt()
            try VerifyScript.check(fixture, "missing element: cluster-ips 10.96.0.10 . tcp . 80")
            try LabCommand.run(
                ["nft", "add element ip fairlead cluster-addresses { 10.96.0.99 }"],
                in: fixture.lab.node
            )
            let all = try fixture.fairlead("verify")
            #expect(all.output.contains("no Service: left over\n"))
            #expect(all.output.contains("unexpected element: cluster-addresses 10.96.0.99"))
            try VerifyScript.checkLog(fixture, damageIt)
        }

        @Test("Of a manifest that a daemon keeps the last good version of, it is said so")
        func kept() throws {
            let fixture = try DaemonFixture(mode: "nftables", servers: false)
            try fixture.write(LifeScript.web(1, 2))
            try fixture.start()
            try fixture.waitUntilApplied()
            try fixture.write("services: [{")
            try fixture.wait(for: "the report") { fixture.log.contains("not valid YAML") }
            let verify = try fixture.fairlead("verify")
            #expect(verify.status == 2)
            let pid = try #require(fixture.daemon).pid
            let note = "note: the daemon (process \(pid)) may keep an earlier version: "
            #expect(verify.output.contains(note + fixture.directory), "\(verify.output)")
            try fixture.write(LifeScript.web(1, 2))
            try fixture.waitUntilApplied()
            let equal = try fixture.fairlead("verify").output
            #expect(equal == "1 Service: the kernel holds what is wanted\n")
            try fixture.stop()
        }
    }

    @Suite("Verify in UML", .enabled(if: UserModeLinux.isHere))
    struct VerifyUMLTests {
        @Test("ipvs: a missing real server is named with its Service, and put back in its name")
        func ipvs() throws {
            let fixture = try VerifyScript.programmed("ipvs")
            func damage() throws {
                try LabCommand.run(
                    ["ipvsadm", "-d", "-t", "10.96.0.10:80", "-r", "10.180.0.11:8080"],
                    in: fixture.lab.node
                )
            }
            try damage()
            try VerifyScript.check(
                fixture,
                "missing real server: 10.180.0.11:8080 of 10.96.0.10:80/tcp"
            )
            // No number shows this change; a look at one part after the other finds it.
            try VerifyScript.checkLog(fixture, damage)
        }
    }
}

private enum VerifyScript {
    /// Two Services in the kernel, and no daemon that would repair anything.
    static func programmed(_ mode: String) throws -> DaemonFixture {
        let fixture = try DaemonFixture(mode: mode, servers: false)
        try fixture.write(LifeScript.web(1, 2))
        try fixture.write(LifeScript.ballast(1), to: "other.yaml")
        #expect(try fixture.fairlead("verify").status == 2)
        #expect(try fixture.fairlead("plan", "--diff").status == 0)
        // A daemon would take a lock file that was opened and closed for a change.
        #expect(access(fixture.directory + "/xtables.lock", F_OK) != 0)
        #expect(try fixture.fairlead("apply").status == 0)
        if mode == "nftables" {
            // It serves on hosts where that file cannot be made.
            #expect(access(fixture.directory + "/xtables.lock", F_OK) != 0)
        }
        let equal = try fixture.fairlead("verify")
        #expect(equal.output == "2 Services: the kernel holds what is wanted\n")
        #expect(equal.status == 0)
        return fixture
    }

    /// shop/web is damaged in this object and nothing else is.
    static func check(_ fixture: DaemonFixture, _ object: String) throws {
        let all = try fixture.fairlead("verify")
        #expect(all.status == 2)
        #expect(all.output.hasPrefix("shop/web\n  IPv4  \(object)"))
        #expect(all.output.hasSuffix("\n1 of 2 Services differ, in 1 object\n"))
        #expect(all.output.split(separator: "\n").count == 3)
        let other = try fixture.fairlead("verify", "ballast/s0")
        #expect(other.output == "1 Service: the kernel holds what is wanted\n")
        #expect(other.status == 0)
        #expect(try fixture.fairlead("verify", "shop/web").status == 2)
        let json = try fixture.fairlead("verify", "shop/web", "--output", "json")
        #expect(json.status == 2)
        #expect(json.output.contains("\"port\" : \"shop/web/tcp\""))
        #expect(json.output.contains("\"equal\" : false"))
        let unknown = try fixture.fairlead("verify", "shop/nobody")
        #expect(unknown.status == 1)
    }

    /// A daemon repairs the damage and says whose it was.
    static func checkLog(_ fixture: DaemonFixture, _ damage: () throws -> Void) throws {
        try fixture.start()
        try fixture.waitUntilApplied()
        try damage()
        try fixture.wait(for: "report of the repair") {
            fixture.log.contains("Repaired objects changed by another program")
        }
        let line = fixture.log.split(separator: "\n").first { $0.contains("Repaired") }
        #expect(line?.hasSuffix("objects=1 services=shop/web") == true)
        try fixture.stop()
    }
}
