import Addressing
import Foundation
import NamespaceLab
import Testing

extension KernelSuites {
    /// Taking over from kube-proxy, and going back.
    @Suite("Replacing kube-proxy")
    struct KubeProxyTests {
        private static let vip = LifeScript.vip

        /// The rules by which kube-proxy sends the Service's connections to the first pod.
        private static let rules = """
            *filter
            :KUBE-FIREWALL - [0:0]
            :KUBE-FORWARD - [0:0]
            -A INPUT -j KUBE-FIREWALL
            -A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
            -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
            COMMIT
            *nat
            :KUBE-MARK-MASQ - [0:0]
            :KUBE-POSTROUTING - [0:0]
            :KUBE-SERVICES - [0:0]
            :KUBE-SEP-AAAAAAAAAAAAAAA2 - [0:0]
            :KUBE-SVC-BBBBBBBBBBBBBBB3 - [0:0]
            -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
            -A POSTROUTING -j KUBE-POSTROUTING
            -A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
            -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
            -A KUBE-POSTROUTING -j MASQUERADE
            -A KUBE-SERVICES -d \(vip) -p tcp -m tcp --dport 80 -j KUBE-SVC-BBBBBBBBBBBBBBB3
            -A KUBE-SVC-BBBBBBBBBBBBBBB3 -j KUBE-MARK-MASQ
            -A KUBE-SVC-BBBBBBBBBBBBBBB3 -j KUBE-SEP-AAAAAAAAAAAAAAA2
            -A KUBE-SEP-AAAAAAAAAAAAAAA2 -p tcp -m tcp -j DNAT --to-destination 10.180.0.11:8080
            COMMIT

            """

        @Test(
            "Both ways: a connection lives through, and Services answer all the time",
            arguments: [("iptables", "nft"), ("iptables", "legacy"), ("nftables", "legacy")]
        )
        func bothWays(_ mode: String, _ backend: String) throws {
            let fixture = try DaemonFixture(mode: mode)
            try restore(fixture, backend)
            let old = try fixture.agent.hold("\(Self.vip):80/tcp", in: fixture.lab.client)
            #expect(old.greeting.hasPrefix("pod1 "))
            try fixture.write(LifeScript.web(2))
            try fixture.start()
            try fixture.waitUntilApplied()
            let dry = try fixture.fairlead("cleanup", "--kube-proxy", "--dry-run")
            #expect(dry.output.contains("KUBE-SVC-BBBBBBBBBBBBBBB3"))
            #expect(try rules(fixture, backend).contains { $0.contains("KUBE-SVC") })
            let cleanup = try fixture.fairlead("cleanup", "--kube-proxy")
            #expect(cleanup.status == 0, "\(cleanup.output)")
            #expect(try LifeScript.answers(fixture, count: 10) == ["pod2"])
            #expect(old.isAlive())
            let left = try rules(fixture, backend).filter { $0.contains("KUBE") }
            #expect(left == [":KUBE-FIREWALL - ", "-A INPUT -j KUBE-FIREWALL"])
            // And back.
            let new = try fixture.agent.hold("\(Self.vip):80/tcp", in: fixture.lab.client)
            #expect(new.greeting.hasPrefix("pod2 "))
            try restore(fixture, backend)
            let before = try rules(fixture, backend).filter { $0.contains("KUBE") }
            try fixture.stop()
            #expect(try fixture.fairlead("cleanup").status == 0)
            #expect(try rules(fixture, backend).filter { $0.contains("KUBE") } == before)
            #expect(try LifeScript.answers(fixture, count: 10) == ["pod1"])
            #expect(old.isAlive())
            #expect(new.isAlive())
        }

        private func restore(_ fixture: DaemonFixture, _ backend: String) throws {
            try Self.rules.write(
                toFile: "\(fixture.directory)/kube-proxy.rules",
                atomically: true,
                encoding: .utf8
            )
            // kubelet's rule is there the second time.
            try fixture.run([
                "sh", "-c",
                "iptables-\(backend) -D INPUT -j KUBE-FIREWALL 2>/dev/null; iptables-\(backend)-restore --noflush <\"$0\"",
                "\(fixture.directory)/kube-proxy.rules",
            ])
        }

        private func rules(_ fixture: DaemonFixture, _ backend: String) throws -> [String] {
            try fixture.run(["iptables-\(backend)-save"])
                .split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
                .map { $0.hasPrefix(":") ? String($0.prefix { $0 != "[" }) : $0 }
        }
    }
}
