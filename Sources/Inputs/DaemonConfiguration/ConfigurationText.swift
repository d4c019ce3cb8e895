import Addressing
import AnnotatedYAML
import PrintableText
import ServiceModel

extension DaemonConfiguration {
    /// The configuration as the text of a file: the fields that differ from the defaults, below
    /// `comments`. It reads back as the same configuration.
    package func text(comments: [String] = []) -> String {
        var text = comments.map { "# \(printableLine($0))\n" }.joined()
        let writer = ConfigurationWriter(self)
        for (name, value) in writer.topLevel { text += "\(name): \(value)\n" }
        for (name, fields) in writer.sections where !fields.isEmpty {
            text += "\(name):\n" + fields.map { "  \($0.name): \($0.value)\n" }.joined()
        }
        return text
    }
}

/// A comment stays on its line.
private func printableLine(_ text: String) -> String {
    String(text.map { $0.isNewline ? " " : $0 })
}

/// What has to be written, field by field.
private struct ConfigurationWriter {
    typealias Field = (name: String, value: String)

    let configuration: DaemonConfiguration
    private let defaults = DaemonConfiguration()

    init(_ configuration: DaemonConfiguration) { self.configuration = configuration }

    var topLevel: [Field] {
        [
            field("mode", \.modeName) { $0 },
            field("families", \.families) { Self.list($0?.map(\.rawValue) ?? []) },
            field("netns", \.networkNamespace) { Self.quoted($0 ?? "") },
            field("serviceCIDRs", \.serviceCIDRs, Self.ranges),
            field("oomScoreAdj", \.oomScoreAdjustment) { $0.map(String.init) ?? "null" },
        ].compactMap { $0 }
    }

    var sections: [(String, [Field])] {
        [
            ("node", node), ("sources", sources), ("detectLocal", detector),
            ("nodePorts", nodePorts),
            (
                "masquerade",
                [
                    field("all", \.masquerade.all, String.init),
                    field("markBit", \.masquerade.markBit, String.init),
                ].compactMap { $0 }
            ),
            (
                "externalIPs",
                [field("allowed", \.allowedExternalIPs, Self.allowed)].compactMap { $0 }
            ),
            ("reconcile", reconcile),
            (
                "iptables",
                [
                    field("lockFile", \.iptables.lockFile, Self.quoted),
                    field("lockTimeout", \.iptables.lockTimeout, Self.time),
                ].compactMap { $0 }
            ), ("ipvs", ipvs),
            (
                "nftables",
                [
                    field("scheduler", \.nftables.scheduler) { $0.rawValue },
                    field("counters", \.nftables.counters, String.init),
                ].compactMap { $0 }
            ), ("conntrack", conntrack), ("health", server(\.health)),
            ("metrics", server(\.metrics)),
            (
                "status",
                [field("socket", \.status.socket) { Self.quoted($0 ?? "") }].compactMap { $0 }
            ),
            (
                "healthChecks",
                [
                    field("maxConcurrent", \.healthChecks.maxConcurrent, String.init),
                    field("caFile", \.healthChecks.caFile) { Self.quoted($0 ?? "") },
                ].compactMap { $0 }
            ),
            (
                "removals",
                [
                    field("percent", \.removals.percent, String.init),
                    field("minimum", \.removals.minimum, String.init),
                    field("window", \.removals.window, Self.time),
                    field("holdTime", \.removals.holdTime, Self.time),
                    field("holdDeletions", \.removals.holdDeletions, String.init),
                ].compactMap { $0 }
            ),
            (
                "log",
                [
                    field("level", \.log.level) { $0.rawValue },
                    field("format", \.log.format) { $0.rawValue },
                ].compactMap { $0 }
            ),
        ]
    }

    // MARK: - Sections

    private var node: [Field] {
        [
            field("name", \.node.name) { Self.quoted($0 ?? "") },
            field("zone", \.node.zone) { Self.quoted($0 ?? "") },
            field("addresses", \.node.addresses) { Self.list($0.map(\.description)) },
        ].compactMap { $0 }
    }

    private var sources: [Field] {
        [
            field("files", \.sources.filePath, Self.quoted),
            field("stateDirectory", \.sources.stateDirectory) { Self.quoted($0 ?? "") },
            field("serviceProxyName", \.sources.serviceProxyName, Self.quoted),
            configuration.sources.kubernetes.map { ("kubernetes", Self.kubernetes($0)) },
        ].compactMap { $0 }
    }

    private static func kubernetes(_ source: DaemonConfiguration.Sources.Kubernetes) -> String {
        let defaults = DaemonConfiguration.Sources.Kubernetes()
        var fields: [String] = []
        if let kubeconfig = source.kubeconfig { fields.append("kubeconfig: \(quoted(kubeconfig))") }
        if let context = source.context { fields.append("context: \(quoted(context))") }
        if !source.servers.isEmpty { fields.append("servers: \(list(source.servers))") }
        if source.contentType != defaults.contentType {
            fields.append("contentType: \(source.contentType.rawValue)")
        }
        if source.snapshotCache != defaults.snapshotCache {
            fields.append("snapshotCache: \(source.snapshotCache)")
        }
        if source.staleAfter != defaults.staleAfter {
            fields.append("staleAfter: \(time(source.staleAfter))")
        }
        return "{\(fields.joined(separator: ", "))}"
    }

    private var detector: [Field] {
        let prefixed = { (word: DaemonConfiguration.DetectorWord, name: String, value: String) in
            [("mode", word.rawValue), (name, value)]
        }
        switch configuration.localDetector {
        case .absent: return []
        case .sources where configuration.takesPodRangesFromNode:
            return [("mode", DaemonConfiguration.DetectorWord.nodeCIDR.rawValue)]
        case .sources(let ranges): return [("clusterCIDRs", Self.ranges(ranges))]
        case .interface(let name):
            return prefixed(.bridgeInterface, "bridgeInterface", Self.quoted(name))
        case .interfacePrefix(let prefix):
            return prefixed(.interfaceNamePrefix, "interfaceNamePrefix", Self.quoted(prefix))
        }
    }

    private var nodePorts: [Field] {
        [
            field("addresses", \.nodePorts.addresses) { addresses in
                let words = addresses.words
                return words.count == 1 && addresses.ranges.isEmpty ? words[0] : Self.list(words)
            }, field("localhost", \.nodePorts.localhost) { $0.map(String.init) ?? "auto" },
        ].compactMap { $0 }
    }

    private var reconcile: [Field] {
        [
            field("minInterval", \.reconcile.minInterval, Self.time),
            field("retryInterval", \.reconcile.retryInterval, Self.time),
            field("maxRetryInterval", \.reconcile.maxRetryInterval, Self.time),
            field("fullResyncInterval", \.reconcile.fullResyncInterval, Self.time),
            field("driftCheckInterval", \.reconcile.driftCheckInterval, Self.time),
        ].compactMap { $0 }
    }

    private var ipvs: [Field] {
        [
            field("scheduler", \.ipvs.scheduler) { $0.rawValue },
            field("binding", \.ipvs.binding) { $0.rawValue },
            field("excludeCIDRs", \.ipvs.excludedRanges, Self.ranges),
            field("strictARP", \.ipvs.strictARP, String.init),
            field("drainTimeout", \.ipvs.drainTimeout, Self.time),
            field("tcpTimeout", \.ipvs.timeouts.tcp, Self.time),
            field("tcpFinTimeout", \.ipvs.timeouts.tcpFin, Self.time),
            field("udpTimeout", \.ipvs.timeouts.udp, Self.time),
        ].compactMap { $0 }
    }

    private var conntrack: [Field] {
        [
            field("maxPerCore", \.conntrack.maxPerCore, String.init),
            field("min", \.conntrack.min, String.init),
            field("tcpEstablishedTimeout", \.conntrack.tcpEstablishedTimeout, Self.time),
            field("tcpCloseWaitTimeout", \.conntrack.tcpCloseWaitTimeout, Self.time),
            field("tcpBeLiberal", \.conntrack.tcpBeLiberal, String.init),
            field("udpTimeout", \.conntrack.udpTimeout, Self.time),
            field("udpStreamTimeout", \.conntrack.udpStreamTimeout, Self.time),
            field("cleanStaleUDP", \.conntrack.cleanStaleUDP, String.init),
        ].compactMap { $0 }
    }

    private func server(
        _ server: KeyPath<DaemonConfiguration, DaemonConfiguration.Server>
    ) -> [Field] {
        [
            field("address", server.appending(path: \.address)) {
                Self.quoted($0?.description ?? "")
            }, field("bindFailure", server.appending(path: \.bindFailure)) { $0.rawValue },
        ].compactMap { $0 }
    }

    // MARK: - Values

    /// Nil if it is the default.
    private func field<Value: Equatable>(
        _ name: String,
        _ path: KeyPath<DaemonConfiguration, Value>,
        _ text: (Value) -> String
    ) -> Field? {
        let value = configuration[keyPath: path]
        return value == defaults[keyPath: path] ? nil : (name, text(value))
    }

    private static func ranges(_ ranges: [IPPrefix]) -> String { list(ranges.map(\.description)) }

    private static func allowed(_ ranges: [IPPrefix]?) -> String {
        guard let ranges else { return "all" }
        return ranges.isEmpty ? "none" : Self.ranges(ranges)
    }

    private static func list(_ texts: [String]) -> String {
        "[\(texts.map(quoted).joined(separator: ", "))]"
    }

    /// In the largest unit that it is a whole number of.
    private static func time(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        let units: [(Int64, String)] = [(3_600_000, "h"), (60_000, "m"), (1000, "s")]
        for (size, unit) in units where milliseconds != 0 && milliseconds % size == 0 {
            return "\(milliseconds / size)\(unit)"
        }
        return milliseconds == 0 ? "0s" : "\(milliseconds)ms"
    }

    /// As it is if that can be nothing else in YAML, or in double quotes.
    private static func quoted(_ text: String) -> String {
        let isPlain =
            text.first.map { $0.isASCII && ($0.isLetter || $0 == "/") } == true
            && text.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."),
                    UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            } && PlainScalar(text) == .text
        if isPlain { return text }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case " "..."~": result.unicodeScalars.append(scalar)
            default:
                let hex = String(scalar.value, radix: 16)
                result += "\\U" + String(repeating: "0", count: 8 - hex.count) + hex
            }
        }
        return result + "\""
    }
}
