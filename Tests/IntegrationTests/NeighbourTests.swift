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
            try node.iptables(Neighbours.portmap)
            try node.expectServices()
            #expect(
                try node.connect("192.0.2.1:8088/tcp", from: node.lab.client) == [
                    "pod3 192.0.2.100"
                ]
            )
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
            #expect(try node.findings("firewalld") == [])
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
            try node.follow("net.bridge.bridge-nf-call-iptables", after: "are bridged: ")
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
            try node.follow("ip filter FORWARD (nftables)")
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
            try node.follow("inet host forward (nftables)")
            try node.expectServices()
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

/// A node with Services of every policy and a neighbour.
private final class NeighbourNode {
    private let fixture: DaemonFixture
    var lab: NamespaceLab { fixture.lab }

    init(_ mode: String) throws {
        fixture = try DaemonFixture(mode: mode)
        try fixture.write(
            """
            services:
              - name: shop/web
                address: 10.96.0.10
                ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
                endpoints: [{address: 10.180.0.11, node: node-a}]
              - name: shop/local
                address: 10.96.0.11
                ports: [{port: 80, targetPort: 8080}]
                externalIPs: [198.51.100.7]
                externalTrafficPolicy: Local
                endpoints: [{address: 10.180.0.12, node: node-a}]

            """
        )
        try fixture.start()
        try fixture.waitUntilApplied()
    }

    deinit { _ = try? fixture.stop() }

    // MARK: - The neighbour

    /// Lines of arguments.
    func iptables(_ lines: String, program: String = "iptables-legacy") throws {
        for line in lines.split(separator: "\n") {
            try fixture.run([program] + line.split(separator: " ").map(String.init))
        }
    }

    func nft(_ ruleset: String) throws {
        try fixture.run(["sh", "-c", "echo '\(ruleset)' | nft -f -"])
    }

    func sysctl(_ setting: String) throws {
        try fixture.run(["sysctl", "-q", "-w", setting])
    }

    // MARK: - Services

    func connect(_ endpoint: String, from namespace: String) throws -> [String] {
        try fixture.agent.connect(to: endpoint, in: namespace, timeout: .milliseconds(600))
    }

    /// From a pod, an endpoint to itself, the node and outside; where, and what is right.
    private var connections: [(from: String, to: String, answer: String)] {
        [
            (lab.pod(3), "10.96.0.10:80/tcp", "pod1 10.180.0.13"),
            (lab.pod(1), "10.96.0.10:80/tcp", "pod1 10.180.0.1"),
            (lab.node, "10.96.0.10:80/tcp", "pod1 10.180.0.1"),
            (lab.client, "10.96.0.10:80/tcp", "pod1 10.180.0.1"),
            (lab.client, "192.0.2.1:30080/tcp", "pod1 10.180.0.1"),
            (lab.client, "198.51.100.7:80/tcp", "pod2 192.0.2.100"),
            (lab.pod(3), "198.51.100.7:80/tcp", "pod2 10.180.0.13"),
        ]
    }

    func hasServices() throws -> Bool {
        try connections.allSatisfy { try connect($0.to, from: $0.from) == [$0.answer] }
    }

    func expectServices(sourceLocation: SourceLocation = #_sourceLocation) throws {
        for (from, to, answer) in connections {
            #expect(
                try connect(to, from: from) == [answer],
                "\(from) to \(to)",
                sourceLocation: sourceLocation
            )
        }
    }

    // MARK: - What Fairlead says

    /// Lines of `fairlead check` about a subject that are not fine.
    func findings(_ subject: String) throws -> [String] {
        try fixture.fairlead("check").output.split(separator: "\n").map(String.init).filter {
            $0.contains(subject) && !$0.hasPrefix("ok")
        }
    }

    /// Does what the finding says.
    func follow(
        _ subject: String,
        after words: String = "to let them pass: ",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let finding = try #require(findings(subject).first, sourceLocation: sourceLocation)
        let command = try #require(
            finding.range(of: words).map { String(finding[$0.upperBound...]) },
            "\(finding)",
            sourceLocation: sourceLocation
        )
        try fixture.run(command.split(separator: " ").map(String.init))
        #expect(try findings(subject) == [], sourceLocation: sourceLocation)
    }
}

/// Rules as those programs make them.
private enum Neighbours {
    static let portmap = """
        -t nat -N CNI-HOSTPORT-DNAT
        -t nat -N CNI-HOSTPORT-SETMARK
        -t nat -N CNI-HOSTPORT-MASQ
        -t nat -N CNI-DN-0123456789abcdef
        -t nat -A CNI-HOSTPORT-SETMARK -m comment --comment portmap -j MARK --set-xmark 0x2000/0x2000
        -t nat -A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
        -t nat -A CNI-HOSTPORT-DNAT -p tcp -m multiport --dports 8088 -j CNI-DN-0123456789abcdef
        -t nat -A CNI-DN-0123456789abcdef -s 10.180.0.0/24 -p tcp --dport 8088 -j CNI-HOSTPORT-SETMARK
        -t nat -A CNI-DN-0123456789abcdef -p tcp --dport 8088 -j DNAT --to-destination 10.180.0.13:8080
        -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
        -t nat -A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
        -t nat -A POSTROUTING -m comment --comment portmap -j CNI-HOSTPORT-MASQ
        """

    static let kubelet = """
        -t mangle -N KUBE-KUBELET-CANARY
        -t mangle -N KUBE-IPTABLES-HINT
        -t nat -N KUBE-KUBELET-CANARY
        -t nat -N KUBE-MARK-DROP
        -t nat -N KUBE-MARK-MASQ
        -t nat -N KUBE-POSTROUTING
        -t nat -A KUBE-MARK-DROP -j MARK --set-xmark 0x8000/0x8000
        -t nat -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
        -t nat -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
        -t nat -A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
        -t nat -A KUBE-POSTROUTING -j MASQUERADE --random-fully
        -t nat -A POSTROUTING -j KUBE-POSTROUTING
        -N KUBE-FIREWALL
        -A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
        -A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP
        -A INPUT -j KUBE-FIREWALL
        -A OUTPUT -j KUBE-FIREWALL
        """

    static let docker = """
        -P FORWARD DROP
        -N DOCKER
        -N DOCKER-USER
        -N DOCKER-ISOLATION-STAGE-1
        -N DOCKER-ISOLATION-STAGE-2
        -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
        -A DOCKER-ISOLATION-STAGE-1 -j RETURN
        -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
        -A DOCKER-ISOLATION-STAGE-2 -j RETURN
        -A DOCKER-USER -j RETURN
        -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp --dport 80 -j ACCEPT
        -A FORWARD -j DOCKER-USER
        -A FORWARD -j DOCKER-ISOLATION-STAGE-1
        -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        -A FORWARD -o docker0 -j DOCKER
        -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
        -A FORWARD -i docker0 -o docker0 -j ACCEPT
        -t nat -N DOCKER
        -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
        -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
        -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
        -t nat -A DOCKER -i docker0 -j RETURN
        -t nat -A DOCKER ! -i docker0 -p tcp --dport 8099 -j DNAT --to-destination 172.17.0.2:80
        """

    static let firewalld = """
        table inet firewalld {
          chain filter_INPUT {
            type filter hook input priority 10; policy accept;
            ct state { established, related } accept
            ct status dnat accept
            iifname "lo" accept
            tcp dport 22 accept
            meta l4proto { icmp, ipv6-icmp } accept
            reject with icmpx admin-prohibited
          }
          chain filter_FORWARD {
            type filter hook forward priority 10; policy accept;
            ct state { established, related } accept
            ct status dnat accept
            iifname "lo" accept
            reject with icmpx admin-prohibited
          }
        }
        """

    static let hostRuleset = """
        table inet host {
          chain input {
            type filter hook input priority 0; policy drop;
            ct state established,related accept
            iif lo accept
            meta l4proto { icmp, ipv6-icmp } accept
            tcp dport 22 accept
          }
          chain forward {
            type filter hook forward priority 0; policy drop;
            ct state established,related accept
          }
        }
        """
}
