import Addressing
import DataplaneModel
import Foundation
import ServiceModel
import Testing

@testable import DaemonConfiguration

@Suite("kube-proxy's configuration")
struct KubeProxyConfigurationTests {
    private static let head =
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"

    private func load(_ fields: String) throws -> LoadedConfiguration {
        try LoadedConfiguration(text: Self.head + fields, file: "kp.yaml")
    }

    private func prefixes(_ texts: String...) -> [IPPrefix] { texts.compactMap { IPPrefix($0) } }

    @Test("Defaults are kube-proxy's")
    func defaults() throws {
        let loaded = try load("")
        #expect(loaded.warnings == [])
        let configuration = loaded.configuration
        #expect(configuration.mode == .iptables)
        #expect(configuration.sources.filePath == "")
        #expect(configuration.sources.kubernetes == .init())
        #expect(configuration.health.address?.description == "0.0.0.0:10256")
        #expect(configuration.metrics.address?.description == "127.0.0.1:10249")
        #expect(configuration.health.bindFailure == .retry)
        #expect(configuration.ipvs.scheduler == .rr)
        #expect(configuration.nodePorts == DaemonConfiguration().nodePorts)
        #expect(configuration.masquerade == DaemonConfiguration().masquerade)
        #expect(configuration.localDetector == .absent)
        #expect(
            configuration.conntrack.maxPerCore == 32768 && configuration.conntrack.min == 131072
        )
        #expect(configuration.conntrack.tcpEstablishedTimeout == .seconds(86400))
        #expect(configuration.conntrack.tcpCloseWaitTimeout == .seconds(3600))
        #expect(configuration.oomScoreAdjustment == -999)
        #expect(configuration.log == DaemonConfiguration().log)
    }

    @Test("Every field is honoured")
    func fields() throws {
        let loaded = try load(
            """
            clientConnection: {kubeconfig: /var/lib/kube-proxy/kubeconfig, contentType: application/json}
            featureGates: {AllowServiceExternalIPs: false}
            logging: {format: json, verbosity: 4}
            hostnameOverride: " Node-A "
            bindAddress: "2001:db8::1"
            metricsBindAddress: 192.0.2.1
            bindAddressHardFail: true
            mode: ipvs
            iptables: {masqueradeBit: 3, masqueradeAll: true, localhostNodePorts: false,
              syncPeriod: 1m, minSyncPeriod: 2s}
            ipvs: {syncPeriod: 1h30m, minSyncPeriod: 1500ms, scheduler: lc, excludeCIDRs: [192.0.2.0/24],
              strictARP: true, tcpTimeout: 900s, tcpFinTimeout: 2m0s, udpTimeout: 1.5s}
            detectLocalMode: InterfaceNamePrefix
            detectLocal: {interfaceNamePrefix: veth}
            nodePortAddresses: [192.0.2.0/24]
            oomScoreAdj: 0
            conntrack: {maxPerCore: 0, min: 7, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 1m,
              tcpBeLiberal: true, udpTimeout: 5s, udpStreamTimeout: 6s}
            """
        )
        #expect(loaded.warnings == [])
        let configuration = loaded.configuration
        #expect(configuration.sources.kubernetes?.kubeconfig == "/var/lib/kube-proxy/kubeconfig")
        #expect(configuration.sources.kubernetes?.contentType == .json)
        #expect(configuration.allowedExternalIPs == [])
        #expect(configuration.log.level == .debug && configuration.log.format == .json)
        #expect(configuration.node.name == "node-a")
        #expect(configuration.node.addresses.map(\.description) == ["2001:db8::1"])
        #expect(configuration.health.address?.description == "[::]:10256")
        #expect(configuration.metrics.address?.description == "192.0.2.1:10249")
        #expect(configuration.health.bindFailure == .fatal)
        #expect(configuration.metrics.bindFailure == .fatal)
        #expect(configuration.mode == .ipvs)
        #expect(configuration.masquerade.all && configuration.masquerade.markBit == 3)
        #expect(configuration.nodePorts.localhost == false)
        #expect(configuration.reconcile.fullResyncInterval == .seconds(5400))
        #expect(configuration.reconcile.minInterval == .milliseconds(1500))
        #expect(configuration.ipvs.scheduler == .lc && configuration.ipvs.strictARP)
        #expect(configuration.ipvs.excludedRanges.map(\.description) == ["192.0.2.0/24"])
        #expect(configuration.ipvs.timeouts.tcp == .seconds(900))
        #expect(configuration.ipvs.timeouts.tcpFin == .seconds(120))
        #expect(configuration.ipvs.timeouts.udp == .milliseconds(1500))
        #expect(configuration.localDetector == .interfacePrefix("veth"))
        #expect(configuration.nodePorts.addresses == .ranges(prefixes("192.0.2.0/24")))
        #expect(configuration.oomScoreAdjustment == 0)
        #expect(configuration.conntrack.maxPerCore == 0 && configuration.conntrack.min == 7)
        #expect(configuration.conntrack.tcpEstablishedTimeout == .zero)
        #expect(configuration.conntrack.tcpCloseWaitTimeout == .seconds(60))
        #expect(configuration.conntrack.tcpBeLiberal)
        #expect(configuration.conntrack.udpTimeout == .seconds(5))
        #expect(configuration.conntrack.udpStreamTimeout == .seconds(6))
    }

    @Test("The periods and what is masqueraded come from the mode's own section")
    func activeSection() throws {
        let sections = """
            iptables: {masqueradeBit: 1, masqueradeAll: false, syncPeriod: 11s}
            nftables: {masqueradeBit: 2, masqueradeAll: true, syncPeriod: 12s}
            ipvs: {syncPeriod: 13s}
            """
        for (mode, bit, all, period) in [
            ("iptables", 1, false, 11), ("nftables", 2, true, 12), ("ipvs", 1, false, 13),
        ] {
            let configuration = try load("mode: \(mode)\n\(sections)").configuration
            #expect(configuration.masquerade.all == all && configuration.masquerade.markBit == bit)
            #expect(configuration.reconcile.fullResyncInterval == .seconds(period))
        }
    }

    @Test(
        "A relative kubeconfig begins at the working directory, and is printed as it is read",
        arguments: [
            "kubeconfig", "./a b", "../x/y", "a:b #c", "\"", "é/\u{200b}", " ", "~/.kube/config",
        ]
    )
    func relativeKubeconfig(_ path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        let quoted = String(decoding: try encoder.encode(path), as: UTF8.self)
        let file = try load("clientConnection: {kubeconfig: \(quoted)}").configuration
        let flag = try LoadedConfiguration(flags: [KubeProxyFlag(name: "kubeconfig", value: path)])
        for configuration in [file, flag.configuration] {
            let directory = FileManager.default.currentDirectoryPath
            #expect(configuration.sources.kubernetes?.kubeconfig == "\(directory)/\(path)")
            let text = configuration.text()
            #expect(
                try DaemonConfiguration(text: text, file: "own.yaml") == configuration,
                "\(text)"
            )
        }
    }

    @Test("An empty kubeconfig is none, and one with a NUL is refused, which no system call takes")
    func kubeconfig() throws {
        let empty = try load("clientConnection: {kubeconfig: ''}").configuration
        #expect(empty.sources.kubernetes == .init())
        for path in [#"a\0b"#, #"/a\0"#] {
            let error = #expect(throws: ConfigurationError.self) {
                try load("clientConnection: {kubeconfig: \"\(path)\"}")
            }
            let place = "kp.yaml:3: clientConnection.kubeconfig: "
            #expect(error?.description.hasPrefix(place) == true, "\(String(describing: error))")
            #expect(error?.description.hasSuffix(" is not a path") == true)
        }
    }

    @Test("Node port addresses are ranges or words, and depend on the mode without any")
    func nodePortAddresses() throws {
        func addresses(_ fields: String) throws -> NodePortAddresses {
            try load(fields).configuration.nodePorts.addresses
        }
        #expect(try addresses("mode: iptables") == .all)
        #expect(try addresses("mode: nftables") == .primary)
        #expect(try addresses("nodePortAddresses: [primary]") == .primary)
        #expect(try addresses("nodePortAddresses: [localhost]") == .localhost)
        #expect(try addresses("nodePortAddresses: [all]") == .all)
        #expect(
            try addresses("mode: nftables\nnodePortAddresses: [primary, localhost]")
                == NodePortAddresses(primary: true, localhost: true)
        )
        #expect(
            try addresses("nodePortAddresses: [192.0.2.0/24, primary, 'fd00::/8', localhost, all]")
                == NodePortAddresses(
                    all: true,
                    primary: true,
                    localhost: true,
                    ranges: prefixes("192.0.2.0/24", "fd00::/8")
                )
        )
    }

    @Test("The gate of 1.37 decides on 127.0.0.1 in mode nftables, iptables' field in its own")
    func localhost() throws {
        let gate = "featureGates: {KubeProxyNFTablesLocalhostNodePorts: "
        func localhost(_ fields: String) throws -> Bool? {
            let loaded = try load(fields)
            #expect(loaded.warnings == [])
            return loaded.configuration.nodePorts.localhost
        }
        #expect(try localhost("mode: nftables\n\(gate)true}") == nil)
        #expect(try localhost("mode: nftables\n\(gate)false}") == false)
        #expect(try localhost("mode: iptables\n\(gate)false}") == nil)
        let field = "iptables: {localhostNodePorts: false}"
        #expect(try localhost("mode: iptables\n\(field)") == false)
        #expect(try localhost("mode: nftables\n\(field)") == nil)
    }

    @Test(
        "A proxy's feature gates have a stage",
        arguments: [
            ("KubeProxyIPVS", "DEPRECATED"), ("KubeProxyNFTablesLocalhostNodePorts", "ALPHA"),
            ("AllowServiceExternalIPs", "DEPRECATED"),
            ("NFTablesNetlink", "BETA"), ("NFTablesProxyMode", ""), ("WatchListClient", "BETA"),
            ("ComponentFlagz", "BETA"), ("AllAlpha", "ALPHA"), ("SELinuxMount", "UNKNOWN"),
            ("Foo", "UNKNOWN"),
        ]
    )
    func stages(_ gate: String, _ stage: String) {
        #expect(FeatureGates.stage(of: gate) == stage)
    }

    @Test("Feature gates of 1.36 and 1.37 are known by name; one warning has what does not count")
    func featureGates() throws {
        let quiet = try load(
            """
            mode: nftables
            featureGates: {KubeProxyNFTablesLocalhostNodePorts: true, KubeProxyIPVS: false,
              NFTablesNetlink: true, NFTablesProxyMode: true, ComponentStatusz: true,
              InPlacePodVerticalScaling: true, StrictIPCIDRValidation: false, AtomicFIFO: true,
              PreferSameTrafficDistribution: true, SELinuxMount: false, AllBeta: true,
              VolumeBindMountOptions: true, RelaxedServiceNameValidation: true}
            """
        )
        #expect(
            quiet.warnings == [
                "kp.yaml: not honoured: featureGates.KubeProxyIPVS (mode ipvs is always available)"
            ]
        )
        let loud = try load(
            "featureGates: {TopologyAwareHints: false, NFTablesNetlink: false, Nftablesnetlink: true}"
        )
        try #require(loud.warnings.count == 1)
        for part in [
            "featureGates.TopologyAwareHints (hints are always honoured)",
            "featureGates.NFTablesNetlink (the kernel",
            "featureGates.Nftablesnetlink (not a feature gate documented for Kubernetes 1.37)",
        ] {
            #expect(loud.warnings[0].contains(part), "\(loud.warnings[0])")
        }
    }

    @Test("Local traffic is recognised as kube-proxy does")
    func detector() throws {
        let pair = try load("clusterCIDR: 10.244.0.0/16,fd00::/48").configuration
        #expect(
            pair.localDetector == .sources(prefixes("10.244.0.0/16", "fd00::/48"))
        )
        let node = try load("detectLocalMode: NodeCIDR\nclusterCIDR: nonsense").configuration
        #expect(node.takesPodRangesFromNode && node.localDetector == .sources([]))
        let bridge = try load(
            "detectLocalMode: BridgeInterface\ndetectLocal: {bridgeInterface: cni0}"
        )
        #expect(bridge.configuration.localDetector == .interface("cni0"))
    }

    @Test("All that is set and not honoured is in one line")
    func notHonoured() throws {
        let loaded = try load(
            """
            clientConnection: {acceptContentTypes: application/json, qps: 50, burst: 100}
            featureGates: {Foo: true}
            logging: {vmodule: x=3, flushFrequency: 1s, options: {json: {infoBufferSize: "1Mi"}}}
            enableProfiling: true
            iptables: {snatNodeInternalIP: true}
            showHiddenMetricsForVersion: "1.35"
            configSyncPeriod: 1m
            portRange: 1-2
            windowsRunAsService: true
            winkernel: {networkName: x}
            """
        )
        try #require(loaded.warnings.count == 1)
        #expect(loaded.warnings[0].hasPrefix("kp.yaml: not honoured: "))
        for field in [
            "clientConnection.acceptContentTypes", "clientConnection.qps", "clientConnection.burst",
            "featureGates.Foo", "logging.vmodule", "logging.flushFrequency", "logging.options",
            "enableProfiling", "iptables.snatNodeInternalIP", "showHiddenMetricsForVersion",
            "configSyncPeriod", "portRange",
            "windowsRunAsService", "winkernel",
        ] {
            #expect(loaded.warnings[0].contains("\(field) ("), "\(field)")
        }
    }

    @Test("Unknown fields and fields given twice are a warning each")
    func lenient() throws {
        let loaded = try load(
            "mode: ipvs\niptables: {a: 1, masqueradeAll: false, masqueradeAll: true}\n'mode': nftables\nudpIdleTimeout: 1s\nmode: iptables"
        )
        #expect(loaded.configuration.mode == .iptables && loaded.configuration.masquerade.all)
        #expect(
            loaded.warnings == [
                "kp.yaml:3: mode: given again below; the last one is used",
                "kp.yaml:4: iptables.masqueradeAll: given again below; the last one is used",
                "kp.yaml:4: iptables.a: unknown field, ignored",
                "kp.yaml:5: mode: given again below; the last one is used",
                "kp.yaml:6: udpIdleTimeout: unknown field, ignored",
            ]
        )
    }

    @Test(
        "What kube-proxy refuses is refused, with line and field",
        arguments: [
            ("mode: userspace", "3: mode:"),
            ("iptables: {masqueradeBit: 32}", "3: iptables.masqueradeBit"),
            ("iptables:\n  syncPeriod: soon", "4: iptables.syncPeriod"),
            ("iptables: {minSyncPeriod: 2m, syncPeriod: 1m}", "3: iptables.minSyncPeriod"),
            ("clusterCIDR: 10.0.0.0", "3: clusterCIDR"),
            ("clusterCIDR: 10.0.0.0/8,11.0.0.0/8", "3: clusterCIDR"),
            ("nodePortAddresses: [primary, Localhost]", "3: nodePortAddresses[1]"),
            ("nodePortAddresses:\n- localhost\n- 10.0.0.0/33", "5: nodePortAddresses[1]"),
            (
                "mode: ipvs\nfeatureGates: {KubeProxyIPVS: false}",
                "4: featureGates.KubeProxyIPVS"
            ),
            ("detectLocalMode: BridgeInterface", "3: detectLocal.bridgeInterface"),
            ("oomScoreAdj: -1001", "3: oomScoreAdj"), ("conntrack: {min: -1}", "3: conntrack.min"),
            ("conntrack: {udpTimeout: -1s}", "3: conntrack.udpTimeout"),
            ("bindAddress: eth0", "3: bindAddress"),
            ("healthzBindAddress: nowhere", "3: healthzBindAddress"),
            ("mode: ipvs\nipvs: {scheduler: fast}", "4: ipvs.scheduler"),
            ("featureGates: {A: 1}", "3: featureGates.A"), ("mode: [", "4: not valid YAML"),
            ("apiVersion: kubeproxy.config.k8s.io/v1", "3: apiVersion"),
        ]
    )
    func mistakes(_ fields: String, _ message: String) {
        do {
            _ = try load(fields)
            Issue.record("accepted: \(fields)")
        } catch {
            #expect("\(error)".hasPrefix("kp.yaml:\(message)"), "\(error)")
        }
    }

    @Test("Words and numbers are YAML 1.1's")
    func spellings() throws {
        let loaded = try load(
            """
            bindAddressHardFail: True
            enableProfiling: No
            configSyncPeriod: 0.0
            conntrack: {maxPerCore: 0x8000, min: 1.048576e+06, tcpBeLiberal: on}
            iptables: {masqueradeBit: 016}
            """
        )
        #expect(loaded.warnings == [])
        #expect(loaded.configuration.health.bindFailure != .retry)
        let conntrack = loaded.configuration.conntrack
        #expect(conntrack.maxPerCore == 32768 && conntrack.min == 1_048_576)
        #expect(conntrack.tcpBeLiberal && loaded.configuration.masquerade.markBit == 14)
        let error = #expect(throws: ConfigurationError.self) {
            try load("conntrack:\n  min: 1.5\n")
        }
        #expect(
            error?.description
                == "kp.yaml:4: conntrack.min: must be a whole number, not \"1.5\""
        )
    }

    @Test("It is found in a list, as kubectl prints several objects")
    func inList() throws {
        let config = "\(Self.head)mode: nftables\nconntrack: {min: wrong}\n"
        let indented = config.split(separator: "\n").map { "      \($0)\n" }.joined()
        for (list, kind) in [("List", "  kind: ConfigMap\n"), ("ConfigMapList", "")] {
            let text =
                "apiVersion: v1\nkind: \(list)\nitems:\n- apiVersion: v1\n\(kind)  data:\n    config.conf: |-\n"
                + indented
            let good = text.replacing("{min: wrong}", with: "{}")
            #expect(try LoadedConfiguration(text: good, file: "l").configuration.mode == .nftables)
            let error = #expect(throws: ConfigurationError.self) {
                try LoadedConfiguration(text: text, file: "l")
            }
            let line = list == "List" ? 11 : 10
            #expect(error?.description.hasPrefix("l:\(line): conntrack.min: ") == true)
        }
    }

    @Test("It is found in JSON, beside other documents and in a ConfigMap")
    func wrappings() throws {
        let json = """
            {"kind": "KubeProxyConfiguration", "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
             "hostnameOverride": "a\\u002db", "mode": "ipvs"}
            """
        let loaded = try LoadedConfiguration(text: json, file: "kp.json")
        #expect(loaded.configuration.mode == .ipvs && loaded.configuration.node.name == "a-b")
        let several = "kind: ClusterConfiguration\n---\n\(Self.head)mode: nftables\n"
        let one = try LoadedConfiguration(text: several, file: "kubeadm.yaml")
        #expect(one.configuration.mode == .nftables)
        #expect(one.warnings.map { $0.prefix(15) } == ["kubeadm.yaml:1:"])
        let indented = (Self.head + "mode: nope").split(separator: "\n").map { "    \($0)\n" }
            .joined()
        let map = "apiVersion: v1\nkind: ConfigMap\ndata:\n  config.conf: |-\n\(indented)"
        for text in [map, map.replacing("\n", with: "\r\n")] {
            do {
                _ = try LoadedConfiguration(text: text, file: "map.yaml")
                Issue.record("accepted")
            } catch {
                #expect("\(error)".hasPrefix("map.yaml:7: mode: "), "\(error)")
            }
        }
        #expect(throws: ConfigurationError.self) {
            try LoadedConfiguration(text: "\(Self.head)---\n\(Self.head)", file: "two.yaml")
        }
    }

    @Test("A file of our own form is read as before, mistakes and all")
    func ownForm() throws {
        let loaded = try LoadedConfiguration(text: "mode: ipvs", file: "fairlead.yaml")
        #expect(loaded.configuration.mode == .ipvs && loaded.warnings == [])
        #expect(throws: ConfigurationError.self) {
            try LoadedConfiguration(text: "mode: ipvs\nmode: ipvs", file: "fairlead.yaml")
        }
    }

    @Test("Converted, it is the same configuration", arguments: ["iptables", "ipvs", "nftables"])
    func conversion(_ mode: String) throws {
        let loaded = try load(
            "mode: \(mode)\ndetectLocalMode: NodeCIDR\nportRange: 1-2\nhealthzBindAddress: '[::]:1'\nx: 1\nnodePortAddresses: [primary, 10.0.0.0/8, localhost]"
        )
        let text = loaded.configuration.text(comments: loaded.warnings)
        #expect(text.hasPrefix("# kp.yaml:7: x: "))
        #expect(text.contains("\n# kp.yaml: not honoured: portRange"))
        #expect(try DaemonConfiguration(text: text, file: "new.yaml") == loaded.configuration)
    }
}
