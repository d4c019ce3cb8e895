import Foundation
import HostFacts
import NamespaceLab
import Testing

extension KernelSuites {
    /// Every command that `fairlead check` can print, but for modprobe, which `CureUMLTests` run:
    /// what it is for is wrong before and right after, the finding is gone, and other tools still
    /// read what they read before.
    @Suite("Cures")
    struct CureTests {
        @Test(
            "A command of `check` does what it says and breaks nothing",
            arguments: Cure.Kind.allCases.filter { $0 != .loadModule }
        )
        func cure(_ kind: Cure.Kind) throws {
            let node = try NeighbourNode("nftables")
            try judge(node, kind)
        }

        private func judge(_ node: NeighbourNode, _ kind: Cure.Kind) throws {
            switch kind {
            case .acceptTranslatedInLegacyTables:
                try node.iptables(Neighbours.docker)
                try follow(node, "filter FORWARD (iptables-legacy)")
            case .acceptTranslatedInIPTablesNFT:
                try node.iptables(Neighbours.docker, program: "iptables-nft")
                try follow(node, "ip filter FORWARD (iptables-nft)")
            case .acceptTranslatedInNFTables:
                try node.nft(Neighbours.hostRuleset)
                try follow(node, "inet host forward (nftables)", about: "(drop)")
            case .acceptDiscoveryInLegacyTables:
                try node.iptables(Neighbours.silentIPv6, program: "ip6tables-legacy")
                try followDiscovery(node, "filter FORWARD (ip6tables-legacy)")
            case .acceptDiscoveryInIPTablesNFT:
                try node.iptables(Neighbours.silentIPv6, program: "ip6tables-nft")
                try followDiscovery(node, "ip6 filter FORWARD (iptables-nft)")
            case .acceptDiscoveryInNFTables:
                try node.nft(Neighbours.silentRuleset)
                try followDiscovery(node, "inet host forward (nftables)")
            case .trustBridgeInFirewalld:
                try node.nft(Neighbours.firewalld)
                try withFirewallCommand(node) {
                    try followDiscovery(node, "inet firewalld filter_FORWARD", path: $0)
                }
            case .endPanicOfFirewalld:
                try node.nft(Neighbours.firewalldPanic)
                try withFirewallCommand(node) {
                    try follow(node, "inet firewalld_policy_drop", path: $0)
                }
            case .passBridgedPackets:
                try node.sysctl("net.bridge.bridge-nf-call-iptables=0")
                try follow(node, "net.bridge.bridge-nf-call-iptables")
            case .looseReversePath:
                try node.sysctl("net.ipv4.conf.all.rp_filter=1")
                try node.follow("net.ipv4.conf.*.rp_filter")
                try node.expectServices()
            case .loadModule: Issue.record("the kernel of this suite has no modules")
            }
        }

        private func follow(
            _ node: NeighbourNode,
            _ subject: String,
            about words: String = "",
            path: String? = nil
        ) throws {
            #expect(try !node.hasServices())
            try node.follow(subject, about: words, path: path)
            try node.expectServices()
        }

        private func followDiscovery(
            _ node: NeighbourNode,
            _ subject: String,
            path: String? = nil
        ) throws {
            #expect(try !node.hasIPv6Service())
            try node.follow(subject, about: "neighbour discovery", path: path)
            #expect(try node.hasIPv6Service())
        }

        /// With a directory that has the recorded firewall-cmd.
        private func withFirewallCommand(
            _ node: NeighbourNode,
            _ body: (String) throws -> Void
        ) throws {
            let directory = node.fixture.directory + "/bin"
            try FileManager.default.createDirectory(
                atPath: directory,
                withIntermediateDirectories: true
            )
            let file = directory + "/firewall-cmd"
            try Neighbours.firewallCommand.write(toFile: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
            try body(directory)
        }

        @Test(
            "A filter that lets neighbour discovery pass is not blamed",
            arguments: [
                "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
                "meta l4proto ipv6-icmp accept",
                "ct state untracked accept",
                "iifname \"cni0\" oifname \"cni0\" accept",
                "iifname \"cni*\" jump pods",
                "ip6 saddr fd00:180::/64 accept",
            ]
        )
        func discoveryPasses(_ rule: String) throws {
            let node = try NeighbourNode("nftables")
            let chain = "chain pods { counter; accept; }"
            try node.nft(
                Neighbours.silentRuleset.replacing(
                    "icmpv6 type { echo-request, echo-reply } accept",
                    with: rule
                ).replacing("table inet host {", with: "table inet host { \(chain)")
            )
            #expect(try node.findings("neighbour discovery") == [])
            #expect(try node.hasIPv6Service())
        }

        @Test(
            "A filter that lets other packets pass is blamed",
            arguments: [
                "icmpv6 type nd-neighbor-solicit accept", "ct state new accept",
                "iifname \"eth0\" accept", "meta l4proto { tcp, udp } accept",
                "ip protocol icmp accept",
                "iifname \"cni0\" jump others",
            ]
        )
        func discoveryStops(_ rule: String) throws {
            let node = try NeighbourNode("nftables")
            let chain = "chain others { tcp dport 80 accept; return; }"
            try node.nft(
                Neighbours.silentRuleset.replacing(
                    "icmpv6 type { echo-request, echo-reply } accept",
                    with: rule
                ).replacing("table inet host {", with: "table inet host { \(chain)")
            )
            #expect(try node.findings("neighbour discovery").count == 1)
            #expect(try !node.hasIPv6Service())
        }
    }
}
