import Addressing
import Foundation
import NamespaceLab
import Testing

extension KernelSuites {
    /// Other programs' rules and settings on the same node: Services work, or `fairlead check` says
    /// what stops them, and after its command they do.
    @Suite("Neighbours")
    struct NeighbourTests {
        static let modes = ["iptables", "nftables"]

        @Test("A network plugin that masquerades what pods send outside", arguments: modes)
        func masquerade(_ mode: String) throws {
            let node = try NeighbourNode(mode)
            try node.iptables(
                "-t nat -A POSTROUTING -s 10.180.0.0/24 ! -d 10.180.0.0/16 -j MASQUERADE"
            )
            try node.expectServices()
        }

        @Test("Host ports of the portmap plugin", arguments: modes)
        func portmap(_ mode: String) throws {
            let node = try NeighbourNode(mode)
            try node.iptables(Neighbours.portmap(8088))
            try node.expectServices()
            #expect(
                try node.connect("192.0.2.1:8088/tcp", from: node.lab.client) == [
                    "pod3 192.0.2.100"
                ]
            )
        }

        @Test(
            "A hostPort that is a node port takes its connections, and is named",
            arguments: modes
        )
        func portmapOfNodePort(_ mode: String) throws {
            let node = try NeighbourNode(mode)
            #expect(try node.findings("node port") == [])
            // After Fairlead's: of two chains at one priority, the kernel lets that translate which was
            // registered last.
            try node.iptables(Neighbours.portmap(30080), program: "iptables-nft")
            if mode == "nftables" {
                #expect(
                    try node.connect("192.0.2.1:30080/tcp", from: node.lab.client) == [
                        "pod3 192.0.2.100"
                    ]
                )
            }
            let findings = try node.findings("node port 30080/tcp")
            #expect(findings.count == 1)
            let words = "of shop/web: chain ip nat CNI-DN-0123456789abcdef sends connections"
            #expect(findings.first?.contains(words) == true, "\(findings)")
            let trace = try node.fixture.fairlead(
                "trace",
                "--kernel",
                "--from",
                "192.0.2.100",
                "--to",
                "192.0.2.1:30080/tcp"
            ).output
            #expect(
                trace.contains(
                    "note: node port 30080/tcp: of this node: chain ip nat CNI-DN-0123456789abcdef"
                ),
                "\(trace)"
            )
        }

        @Test("A hostPort in the legacy tables that is a node port is named", arguments: modes)
        func portmapOfNodePortLegacy(_ mode: String) throws {
            let node = try NeighbourNode(mode)
            try node.iptables(Neighbours.portmap(30080))
            let findings = try node.findings("node port 30080/tcp")
            #expect(findings.count == 1)
            let words = "chain CNI-DN-0123456789abcdef of nat (iptables-legacy) sends"
            #expect(findings.first?.contains(words) == true, "\(findings)")
        }

        @Test("kubelet's chains", arguments: modes)
        func kubelet(_ mode: String) throws {
            let node = try NeighbourNode(mode)
            try node.iptables(Neighbours.kubelet)
            try node.expectServices()
        }

        @Test("firewalld's chains", arguments: modes)
        func firewalld(_ mode: String) throws {
            let node = try NeighbourNode(mode)
            try node.nft(Neighbours.firewalld)
            try node.expectServices()
            #expect(try node.findings("firewalld").allSatisfy { $0.contains("discovery") })
        }

        @Test("Strict reverse path filtering, where every way back is the way in", arguments: modes)
        func reversePath(_ mode: String) throws {
            let node = try NeighbourNode(mode)
            #expect(try node.findings("rp_filter") == [])
            try node.sysctl("net.ipv4.conf.all.rp_filter=1")
            try node.expectServices()
            let findings = try node.findings("rp_filter")
            #expect(findings.count == 1)
            #expect(findings.first?.contains("1 on cni0, eth0") == true)
        }

        @Test("Bridged packets that bypass the rules", arguments: modes)
        func bridge(_ mode: String) throws {
            let node = try NeighbourNode(mode)
            try node.sysctl("net.bridge.bridge-nf-call-iptables=0")
            #expect(try !node.hasServices())
            try node.follow("net.bridge.bridge-nf-call-iptables")
            try node.expectServices()
        }

        @Test("A FORWARD chain that drops by policy", arguments: modes)
        func policy(_ mode: String) throws {
            let node = try NeighbourNode(mode)
            try node.iptables("-P FORWARD DROP")
            // Fairlead's accepts come first where it has some: what is masqueraded passes.
            let outside = try node.connect("192.0.2.1:30080/tcp", from: node.lab.client)
            #expect(outside == (mode == "iptables" ? ["pod1 10.180.0.1"] : ["timeout"]))
            #expect(try !node.hasServices())
            try node.follow("filter FORWARD (iptables-legacy)")
            try node.expectServices()
        }

        @Test("Docker's chains, in iptables-nft", arguments: modes)
        func docker(_ mode: String) throws {
            let node = try NeighbourNode(mode)
            try node.iptables(Neighbours.docker, program: "iptables-nft")
            #expect(try !node.hasServices())
            try node.follow("ip filter FORWARD (iptables-nft)")
            try node.expectServices()
        }

        @Test("Docker's chains, in the legacy tables", arguments: modes)
        func dockerLegacy(_ mode: String) throws {
            let node = try NeighbourNode(mode)
            try node.iptables(Neighbours.docker)
            try node.follow("filter FORWARD (iptables-legacy)")
            try node.expectServices()
        }

        @Test("A host's own nftables ruleset", arguments: modes)
        func ruleset(_ mode: String) throws {
            let node = try NeighbourNode(mode)
            try node.nft(Neighbours.hostRuleset)
            #expect(try !node.hasServices())
            // INPUT sees nothing of Services in these modes.
            #expect(try node.findings("inet host input") == [])
            try node.follow("inet host forward (nftables)", about: "its policy (drop)")
            try node.expectServices()
        }

        @Test("A table of nft's that is called as one of iptables'", arguments: modes)
        func namesake(_ mode: String) throws {
            for chain in ["FORWARD", "forward"] {
                let node = try NeighbourNode(mode)
                try node.nft(Neighbours.namesake(chain))
                #expect(try !node.hasServices())
                try node.followNative("ip filter \(chain) (nftables)")
                try node.expectServices()
            }
        }

        @Test("A last rule that refuses everything", arguments: modes)
        func lastRule(_ mode: String) throws {
            let node = try NeighbourNode(mode)
            try node.iptables(
                """
                -A FORWARD -i eth9 -j ACCEPT
                -A FORWARD -j REJECT --reject-with icmp-host-prohibited
                """
            )
            #expect(try !node.hasServices())
            try node.follow("filter FORWARD (iptables-legacy)")
            try node.expectServices()
        }
    }
}
