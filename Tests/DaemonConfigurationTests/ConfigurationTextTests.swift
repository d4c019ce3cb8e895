import Addressing
import DaemonConfiguration
import ServiceModel
import Testing

@Suite("Configuration text")
struct ConfigurationTextTests {
    @Test("Defaults are written as nothing")
    func defaults() {
        #expect(DaemonConfiguration().text() == "")
    }

    @Test("What is written reads back the same", arguments: 0..<300)
    func roundTrip(_ seed: UInt64) throws {
        var random = SplitMix(seed)
        let configuration = DaemonConfiguration.random(&random)
        let text = configuration.text(comments: ["a note\nwith a line more: [", "  - {"])
        let read = try DaemonConfiguration(text: text, file: "written.yaml")
        #expect(read == configuration, "\(text)")
    }

    @Test(
        "Texts that look like something else in YAML come back",
        arguments: [
            "null", "~", "yes", "# x", "a: b", "\"", "\\", "{", "ü\u{202e}", "a\u{7}b", "-", "*x",
            "1e3",
        ]
    )
    func strangeTexts(_ text: String) throws {
        var configuration = DaemonConfiguration()
        configuration.sources.filePath = text
        configuration.sources.serviceProxyName = text
        configuration.node.zone = text
        let written = configuration.text()
        #expect(try DaemonConfiguration(text: written, file: "written.yaml") == configuration)
    }
}

/// A small generator with a seed, so that a failure can be seen again.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

extension DaemonConfiguration {
    /// Any configuration that a file can say; about half of its fields are as by default.
    fileprivate static func random(_ random: inout SplitMix) -> DaemonConfiguration {
        var result = DaemonConfiguration()
        func maybe(_ change: () -> Void) { if Bool.random(using: &random) { change() } }
        func time(_ range: ClosedRange<Int>, _ unit: Int = 1) -> Duration {
            .milliseconds(Int.random(in: range, using: &random) * unit)
        }
        func one<Value>(of values: [Value]) -> Value {
            values[Int.random(in: values.indices, using: &random)]
        }
        func pick<Value: CaseIterable>(_ type: Value.Type) -> Value {
            one(of: Array(type.allCases))
        }
        func ranges() -> [IPPrefix] {
            Array(
                ["10.0.0.0/8", "fd00::/48", "192.0.2.7/32", "0.0.0.0/0", "::/0"]
                    .compactMap { IPPrefix($0) }.shuffled(using: &random)
                    .prefix(Int.random(in: 1...3, using: &random))
            )
        }
        func text() -> String {
            one(of: ["a", "node-1", "/etc/x y", "é\u{1f600}", "null", "- x: {"])
        }
        func address() -> SocketAddress? {
            SocketAddress(
                parsing: one(of: ["127.0.0.1:80", "[::1]:65535", "", "0.0.0.0:1"])
            )
        }
        maybe { result.mode = pick(Mode.self).mode }
        maybe { result.families = [.ipv6] }
        maybe { result.networkNamespace = "/run/ns x" }
        maybe { result.node.name = one(of: ["a", "node-1.b_c", "null", "1e3"]) }
        maybe { result.node.zone = text() }
        maybe { result.node.addresses = ["192.0.2.1", "2001:db8::1"].compactMap { IPAddress($0) } }
        maybe { result.sources.filePath = text() }
        maybe { result.sources.stateDirectory = nil }
        maybe { result.sources.serviceProxyName = text() }
        maybe {
            var source = Sources.Kubernetes()
            maybe { result.sources.filePath = "" }
            maybe {
                source.kubeconfig = "/etc/kube config"
                maybe { source.context = text() }
            }
            maybe { source.servers = ["https://192.0.2.1:6443", "https://[2001:db8::1]:6443/x"] }
            maybe { source.contentType = .json }
            maybe { source.snapshotCache = false }
            result.sources.kubernetes = source
            maybe {
                result.detectLocal.mode = .nodeCIDR
            }
        }
        maybe { result.detectLocal.clusterCIDRs = ranges() }
        maybe { result.detectLocal.nodeCIDRs = ranges() }
        maybe { result.detectLocal.bridgeInterface = "cni0" }
        maybe { result.detectLocal.interfaceNamePrefix = "veth." }
        maybe {
            result.detectLocal.mode =
                switch pick(DetectLocal.Mode.self) {
                case .nodeCIDR where result.takesPodRangesFromNode: .nodeCIDR
                case .nodeCIDR where result.detectLocal.nodeCIDRs.isEmpty: .none
                case .bridgeInterface where result.detectLocal.bridgeInterface == nil: .none
                case .interfaceNamePrefix where result.detectLocal.interfaceNamePrefix == nil:
                    .none
                case let mode: mode
                }
        }
        maybe {
            result.nodePorts.addresses = one(of: [.primary, .localhost, .ranges(ranges())])
            maybe { result.nodePorts.addresses.includesLocalhost = true }
            maybe { result.nodePorts.addresses.includesAll = true }
        }
        maybe { result.nodePorts.localhost = Bool.random(using: &random) }
        maybe { result.masquerade.all = true }
        maybe { result.masquerade.markBit = Int.random(in: 0...31, using: &random) }
        maybe { result.serviceCIDRs = ranges() }
        maybe { result.allowedExternalIPs = Bool.random(using: &random) ? [] : ranges() }
        maybe { result.reconcile.minInterval = time(0...60_000) }
        maybe { result.reconcile.retryInterval = time(10...30_000) }
        maybe { result.reconcile.maxRetryInterval = time(30...3600, 1000) }
        maybe { result.reconcile.fullResyncInterval = time(1...1440, 60_000) }
        maybe { result.reconcile.driftCheckInterval = time(100...100_000) }
        maybe { result.iptables.lockFile = "/run/other lock" }
        maybe { result.iptables.lockTimeout = time(0...60_000) }
        maybe { result.ipvs.scheduler = pick(Scheduler.self) }
        maybe { result.ipvs.binding = result.serviceCIDRs.isEmpty ? .addresses : .ranges }
        maybe { result.ipvs.excludedRanges = ranges() }
        maybe { result.ipvs.strictARP = true }
        maybe { result.ipvs.drainTimeout = time(0...100, 3_600_000) }
        maybe { result.ipvs.timeouts.tcp = time(0...100, 60_000) }
        maybe { result.ipvs.timeouts.tcpFin = time(0...100, 1000) }
        maybe { result.ipvs.timeouts.udp = time(0...100_000) }
        maybe { result.nftables.scheduler = pick(NFTables.Choice.self) }
        maybe { result.nftables.counters = true }
        maybe { result.removals.percent = Int.random(in: 1...100, using: &random) }
        maybe { result.removals.minimum = Int.random(in: 1...1000, using: &random) }
        maybe { result.removals.window = time(0...3600, 1000) }
        maybe { result.removals.holdTime = time(1...86400, 1000) }
        maybe { result.removals.holdDeletions = true }
        maybe { result.conntrack.maxPerCore = 1 << 15 }
        maybe { result.conntrack.min = 1 << 17 }
        maybe { result.conntrack.tcpEstablishedTimeout = time(0...48, 3_600_000) }
        maybe { result.conntrack.tcpCloseWaitTimeout = time(0...48, 1000) }
        maybe { result.conntrack.tcpBeLiberal = true }
        maybe { result.conntrack.udpTimeout = time(0...48_000) }
        maybe { result.conntrack.udpStreamTimeout = time(0...48, 60_000) }
        maybe { result.conntrack.cleanStaleUDP = false }
        maybe { result.health.address = address() }
        maybe { result.health.bindFailure = .fatal }
        maybe { result.metrics.address = address() }
        maybe { result.metrics.bindFailure = .fatal }
        maybe { result.status.socket = Bool.random(using: &random) ? nil : "/run/x y.sock" }
        maybe { result.oomScoreAdjustment = Int.random(in: -1000...1000, using: &random) }
        maybe { result.log.level = pick(Log.Level.self) }
        maybe { result.log.format = pick(Log.Format.self) }
        return result
    }
}
