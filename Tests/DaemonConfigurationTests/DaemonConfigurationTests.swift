import Addressing
import DaemonConfiguration
import DataplaneModel
import Foundation
import ServiceModel
import Testing

@Suite("DaemonConfiguration")
struct DaemonConfigurationTests {
    private static let root = #filePath.split(separator: "/").dropLast(3)
        .reduce("") { $0 + "/" + $1 }

    private func decode(_ text: String) throws -> DaemonConfiguration {
        try DaemonConfiguration(text: text, file: "fairlead.yaml")
    }

    /// With FAIRLEAD_RECORD=1 in the environment the file is written anew.
    @Test("The example file is what the table of fields says, and holds every default")
    func example() throws {
        let path = Self.root + "/config/fairlead.yaml"
        let example = DaemonConfiguration.example
        if ProcessInfo.processInfo.environment["FAIRLEAD_RECORD"] == "1" {
            try example.write(toFile: path, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == example)
        #expect(try decode(example) == DaemonConfiguration())
        for line in example.split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
    }

    @Test("The section that is a comment in it holds the defaults, too")
    func shippedComment() throws {
        let path = Self.root + "/config/fairlead.yaml"
        let text = try String(contentsOfFile: path, encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false)
            .map {
                $0.hasPrefix("  #kubernetes:") || $0.hasPrefix("  #  ")
                    ? "  " + $0.dropFirst(3) : $0
            }
            .joined(separator: "\n")
        var expected = DaemonConfiguration()
        expected.sources.kubernetes = .init()
        #expect(try decode(text) == expected)
    }

    @Test(
        "A file of another kind is named as what it is",
        arguments: ["", "---\nmode: iptables\n"]
    )
    func otherKind(_ rest: String) {
        #expect(throws: ConfigurationError.self) { try decode("kind: Service\n") }
        do {
            _ = try decode("apiVersion: v1\nkind: Service\n\(rest)")
        } catch {
            #expect(
                "\(error)".hasPrefix("fairlead.yaml:2: kind: \"Service\" is not a configuration")
            )
        }
    }

    @Test("An empty file means defaults", arguments: ["", "# nothing\n", "---\n"])
    func empty(_ text: String) throws {
        #expect(try decode(text) == DaemonConfiguration())
    }

    @Test("Every field is read")
    func fields() throws {
        let configuration = try decode(
            """
            families: [IPv6]
            node: {name: Node-A, zone: z, addresses: [192.0.2.1]}
            sources: {files: /srv, stateDirectory: "", serviceProxyName: mine}
            netns: blue
            detectLocal: {mode: BridgeInterface, bridgeInterface: cni0}
            nodePorts: {addresses: [192.0.2.0/24], localhost: false}
            masquerade: {all: true, markBit: 3}
            serviceCIDRs: [10.96.0.0/12]
            externalIPs: {allowed: none}
            reconcile: {minInterval: 2s, retryInterval: 3s, maxRetryInterval: 4s,
              fullResyncInterval: 5m, driftCheckInterval: 6s}
            iptables: {lockFile: /tmp/lock, lockTimeout: 7s}
            mode: ipvs
            ipvs: {scheduler: lc, binding: ranges, excludeCIDRs: [192.0.2.0/24], strictARP: true,
              drainTimeout: 1m, tcpTimeout: 1h, tcpFinTimeout: 2s, udpTimeout: 3s}
            nftables: {scheduler: mh, counters: true}
            conntrack: {maxPerCore: 1, min: 2, tcpEstablishedTimeout: 3s, tcpCloseWaitTimeout: 4s,
              tcpBeLiberal: true, udpTimeout: 5s, udpStreamTimeout: 6s, cleanStaleUDP: false}
            health: {address: "[::]:1", bindFailure: fatal}
            metrics: {address: "", bindFailure: fatal}
            status: {socket: ""}
            oomScoreAdj: -7
            healthChecks: {maxConcurrent: 8, caFile: /etc/fairlead/ca.pem}
            removals: {percent: 70, minimum: 3, window: 1s, holdTime: 2m, holdDeletions: true}
            log: {level: debug, format: json}
            """
        )
        #expect(configuration.families == [.ipv6])
        #expect(configuration.node.name == "node-a")
        #expect(configuration.node.zone == "z")
        #expect(configuration.node.addresses.map(\.description) == ["192.0.2.1"])
        #expect(configuration.sources.filePath == "/srv")
        #expect(configuration.sources.stateDirectory == nil)
        #expect(configuration.sources.serviceProxyName == "mine")
        #expect(configuration.networkNamespace == "blue")
        #expect(configuration.localDetector == .interface("cni0"))
        #expect(configuration.nodePorts.localhost == false)
        #expect(configuration.nodePorts != DaemonConfiguration().nodePorts)
        #expect(configuration.masquerade.all && configuration.masquerade.markBit == 3)
        #expect(configuration.serviceCIDRs.count == 1)
        #expect(configuration.allowedExternalIPs == [])
        #expect(configuration.reconcile.fullResyncInterval == .seconds(300))
        #expect(configuration.reconcile.driftCheckInterval == .seconds(6))
        #expect(configuration.iptables.lockTimeout == .seconds(7))
        #expect(configuration.mode == .ipvs)
        #expect(configuration.ipvs.scheduler == .lc && configuration.ipvs.binding == .ranges)
        #expect(configuration.ipvs.excludedRanges.count == 1 && configuration.ipvs.strictARP)
        #expect(configuration.ipvs.drainTimeout == .seconds(60))
        #expect(configuration.ipvs.timeouts.tcp == .seconds(3600))
        #expect(configuration.ipvs.timeouts.tcpFin == .seconds(2))
        #expect(configuration.ipvs.timeouts.udp == .seconds(3))
        #expect(configuration.nftables.scheduler == .mh && configuration.nftables.counters)
        #expect(configuration.healthChecks.maxConcurrent == 8)
        #expect(configuration.removals.percent == 70 && configuration.removals.minimum == 3)
        #expect(configuration.removals.window == .seconds(1))
        #expect(configuration.removals.holdDeletions)
        #expect(configuration.removals.holdTime == .seconds(120))
        #expect(configuration.healthChecks.caFile == "/etc/fairlead/ca.pem")
        #expect(configuration.log.level == .debug && configuration.log.format == .json)
        #expect(configuration.conntrack.maxPerCore == 1 && configuration.conntrack.min == 2)
        #expect(configuration.conntrack.tcpEstablishedTimeout == .seconds(3))
        #expect(configuration.conntrack.tcpCloseWaitTimeout == .seconds(4))
        #expect(configuration.conntrack.udpTimeout == .seconds(5))
        #expect(configuration.conntrack.udpStreamTimeout == .seconds(6))
        #expect(configuration.conntrack.tcpBeLiberal && !configuration.conntrack.cleanStaleUDP)
        #expect(configuration.health.address?.description == "[::]:1")
        #expect(configuration.health.bindFailure == .fatal)
        #expect(configuration.metrics.address == nil)
        #expect(configuration.metrics.bindFailure == .fatal)
        #expect(configuration.status.socket == nil)
        #expect(configuration.oomScoreAdjustment == -7)
    }

    @Test(
        "Node port addresses are one word, or a list of words and ranges",
        arguments: [
            ("all", NodePortAddresses.all), ("primary", .primary), ("localhost", .localhost),
            ("[localhost, primary]", NodePortAddresses(primary: true, localhost: true)),
            (
                "[192.0.2.0/24, localhost]",
                NodePortAddresses(
                    localhost: true,
                    ranges: [IPPrefix("192.0.2.0/24")].compactMap(\.self)
                )
            ),
        ]
    )
    func nodePortAddresses(_ text: String, _ expected: NodePortAddresses) throws {
        let configuration = try decode("nodePorts: {addresses: \(text), localhost: auto}")
        #expect(configuration.nodePorts.addresses == expected)
        #expect(configuration.nodePorts.localhost == nil)
        let again = try decode(configuration.text())
        #expect(again == configuration)
    }

    @Test(
        "A node has one address of each family at most",
        arguments: [
            ("[1.2.3.4, 1.2.3.5]", "node.addresses: at most one address of each family"),
            ("[1.2.3.4, 0.0.0.0]", "node.addresses[1]: \"0.0.0.0\" is not a node's address"),
        ]
    )
    func nodeAddresses(_ list: String, _ reason: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try decode("node: {addresses: \(list)}")
        }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }

    @Test(
        "The socket level's words are checked, each with file and line",
        arguments: [
            (
                "scope: some",
                "fairlead.yaml:2: socketLB.scope: \"some\" is not one of off, node, all"
            ),
            (
                "protocols: [TCP,\n    SCTP]",
                "fairlead.yaml:3: socketLB.protocols[1]: \"SCTP\" is not one of TCP, UDP"
            ),
            (
                "protocols: []",
                "fairlead.yaml:2: socketLB.protocols: must name a protocol; scope: off switches it off"
            ),
            (
                "protocols: [TCP, UDP,\n    TCP]",
                "fairlead.yaml:3: socketLB.protocols[2]: \"TCP\" is named twice"
            ),
            (
                "cgroup: unified",
                "fairlead.yaml:2: socketLB.cgroup: \"unified\" is not an absolute path"
            ),
        ]
    )
    func socketLevel(_ text: String, _ reason: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try decode("socketLB:\n  \(text)")
        }
        #expect(error?.description == reason)
    }

    @Test("The socket level is off by default, and its order of protocols does not matter")
    func socketLevelValues() throws {
        #expect(DaemonConfiguration().socketLB.scope == .off)
        let configuration = try decode("socketLB: {scope: node, protocols: [UDP, TCP]}")
        #expect(configuration.socketLB.scope == .node)
        #expect(configuration.socketLB.protocols == [.tcp, .udp])
        #expect(configuration.socketLB.cgroup == nil)
        #expect(try decode("socketLB: {protocols: [UDP]}").socketLB.protocols == [.udp])
        #expect(try decode("socketLB: {scope: off}") == DaemonConfiguration())
        #expect(try decode(configuration.text()) == configuration)
    }

    @Test("What no mode can do on loopback addresses is said in one line, if it was asked for")
    func localhostLimit() throws {
        func limit(_ mode: String, _ nodePorts: String, _ families: [IPFamily]) throws -> String? {
            try decode("mode: \(mode)\nnodePorts: {\(nodePorts)}").localhostLimit(families)
        }
        let both = IPFamily.allCases
        let named = "addresses: [primary, localhost]"
        for mode in ["iptables", "nftables"] {
            #expect(try limit(mode, named, [.ipv4]) == nil)
            #expect(
                try limit(mode, named, both)
                    == "node ports do not answer on ::1: the kernel has no route_localnet for IPv6"
            )
            #expect(try limit(mode, "addresses: all", both) == nil)
            #expect(try limit(mode, "addresses: [127.0.0.0/8]", both) == nil)
            #expect(try limit(mode, "\(named), localhost: false", both) == nil)
        }
        let reason = "IPVS does not forward packets from a loopback address"
        #expect(
            try limit("ipvs", named, both)
                == "node ports do not answer on 127.0.0.1 or ::1: \(reason)"
        )
        #expect(
            try limit("ipvs", "localhost: true", both)
                == "node ports do not answer on 127.0.0.1: \(reason)"
        )
        #expect(try limit("ipvs", "addresses: all", both) == nil)
    }

    @Test("An API server is a source, with files or without")
    func kubernetes() throws {
        let configuration = try decode(
            """
            sources:
              files: ""
              kubernetes: {kubeconfig: /k, context: c, servers: ["https://[2001:db8::1]:6443"],
                contentType: json, snapshotCache: false, staleAfter: 1m}
            detectLocal: {mode: NodeCIDR}
            """
        )
        let source = try #require(configuration.sources.kubernetes)
        #expect(source.kubeconfig == "/k" && source.context == "c")
        #expect(source.servers == ["https://[2001:db8::1]:6443"])
        #expect(source.contentType == .json && !source.snapshotCache)
        #expect(source.staleAfter == .seconds(60))
        #expect(configuration.sources.filePath == "")
        #expect(configuration.takesPodRangesFromNode)
        #expect(configuration.localDetector == .sources([]))
        #expect(try decode("sources: {kubernetes: {}}").sources.kubernetes == .init())
        #expect(try decode("sources: {kubernetes: null}").sources.kubernetes == nil)
    }

    @Test(
        "A mistake is named with file and line",
        arguments: [
            ("mode: ebpf", 1), ("nonsense: 1", 1), ("node:\n  nome: x", 2),
            ("masquerade: {markBit: 32}", 1), ("log:\n  level: loud", 2),
            ("reconcile: {minInterval: soon}", 1), ("serviceCIDRs: [10.0.0.0/33]", 1),
            ("nodePorts: {addresses: [eth0]}", 1), ("nodePorts: {addresses: []}", 1),
            ("nodePorts:\n  addresses: none", 2), ("nodePorts:\n  addresses:\n  - 1.2.3", 3),
            ("nodePorts: {localhost: sometimes}", 1), ("families: [IPv5]", 1), ("node: [", 2),
            ("detectLocal: {mode: BridgeInterface}", 1), ("mode: iptables\nmode: iptables", 1),
            ("node: {addresses: [192.0.2.1, 192.0.2.2]}", 1), ("- a list", 1),
            ("ipvs: {scheduler: fast}", 1), ("nftables: {counters: some}", 1),
            ("ipvs:\n  binding: ranges", 2), ("sources:\n  files: ''", 2),
            ("sources:\n  kubernetes:\n    server: x", 3),
            ("sources:\n  kubernetes:\n    kubeconfig: relative", 3),
            ("sources:\n  kubernetes:\n    context: x", 3),
            ("sources: {kubernetes: {servers: ['https://u:p@h']}}", 1),
            ("sources: {kubernetes: {servers: ['ftp://h:6443']}}", 1),
            ("sources: {kubernetes: {servers: ['javascript:alert(1)']}}", 1),
            ("sources: {kubernetes: {servers: ['h:']}}", 1),
            ("sources: {kubernetes: {servers: ['https://[2001:db8::1]:99999']}}", 1),
            ("detectLocal: {mode: NodeCIDR}", 1),
            ("health: {address: localhost}", 1), ("health: {address: '127.0.0.1'}", 1),
            ("metrics: {bindFailure: never}", 1), ("status: {socket: relative}", 1),
            ("oomScoreAdj: 1001", 1), ("conntrack: {min: -1}", 1),
            ("ipvs:\n  binding: ranges", 2), ("healthChecks: {maxConcurrent: 0}", 1),
            ("removals: {percent: 0}", 1), ("removals:\n  holdTime: 0s", 2),
            ("healthChecks: {caFile: ca.pem}", 1),
        ]
    )
    func mistakes(_ text: String, _ line: Int) {
        do {
            _ = try decode(text)
            Issue.record("accepted: \(text)")
        } catch {
            #expect("\(error)".hasPrefix("fairlead.yaml:\(line):"), "\(error)")
        }
    }
}
