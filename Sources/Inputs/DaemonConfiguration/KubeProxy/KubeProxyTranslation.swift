import Addressing
import AnnotatedYAML
import DataplaneModel
import PrintableText
import ServiceModel
import SystemCalls

/// Fairlead's configuration for a `KubeProxyConfiguration`, with kube-proxy's defaults.
///
/// Each field is honoured or named in `summary`. Values that kube-proxy refuses are errors.
struct KubeProxyTranslation {
    private(set) var configuration = DaemonConfiguration()
    /// Fields that kube-proxy does not have.
    private(set) var unknown: [FieldError]
    /// The fields that are set but not honoured, with reasons.
    private var unhonoured: [(path: String, reason: String)]
    private let fields: Fields

    /// One line that names all fields that are not honoured; nil if all are.
    var summary: String? {
        guard !unhonoured.isEmpty else { return nil }
        let names = unhonoured.map { "\($0.path) (\($0.reason))" }
        return "not honoured: \(names.joined(separator: ", "))"
    }

    init(_ document: YAMLValue) throws(FieldError) {
        fields = try Fields(document)
        unknown = KubeProxyFields.unknown(in: document)
        unhonoured = KubeProxyFields.unhonoured(in: document)
        let version = try fields.requiredString("apiVersion")
        guard version == KubeProxyDocument.version else {
            throw fields.error(
                "apiVersion",
                "\(quoted(version)) is not \(KubeProxyDocument.version)"
            )
        }
        guard try fields.requiredString("kind") == KubeProxyDocument.kind else {
            throw fields.error("kind", "is not \(KubeProxyDocument.kind)")
        }
        configuration.mode = try mode()
        try client()
        try logging()
        try gates()
        try node()
        try servers()
        try rules()
        try ipvs()
        try detector()
        try nodePorts()
        try shared()
    }

    /// The fields of a section. An absent section has no fields, and the line of `field`.
    private func section(_ name: String, onLineOf field: String = "kind") throws(FieldError)
        -> Fields
    {
        if let section = try fields.fields(name) { return section }
        let line = fields.line(of: field)
        return try Fields(YAMLValue(line: line, content: .mapping([])), path: name)
    }

    private func mode() throws(FieldError) -> ProxyMode {
        guard let text = try fields.string("mode"), !text.isEmpty else { return .iptables }
        guard let mode = ProxyMode(rawValue: text) else {
            throw fields.error("mode", "\(quoted(text)) is not one of iptables, ipvs, nftables")
        }
        return mode
    }

    // MARK: - Input and output

    private mutating func client() throws(FieldError) {
        let client = try section("clientConnection")
        var source = DaemonConfiguration.Sources.Kubernetes()
        source.kubeconfig = try path("kubeconfig", client)
        switch try client.string("contentType") ?? "" {
        case "", "application/vnd.kubernetes.protobuf": break
        case "application/json": source.contentType = .json
        default:
            unhonoured.append(
                ("clientConnection.contentType", "neither protobuf, which is used, nor JSON")
            )
        }
        configuration.sources.filePath = ""
        configuration.sources.kubernetes = source
    }

    /// The absolute path for one that begins, as in kube-proxy, at the working directory. Our own form
    /// has no relative ones: it may be read by a program that was started elsewhere.
    private func path(_ name: String, _ fields: Fields) throws(FieldError) -> String? {
        guard let text = try fields.string(name), !text.isEmpty else { return nil }
        guard !text.utf8.contains(0) else {
            throw fields.error(name, "\(quoted(text)) is not a path")
        }
        guard let path = absolutePath(text) else {
            throw fields.error(
                name,
                "\(quoted(text)) is relative, and the working directory is not known"
            )
        }
        return path
    }

    private mutating func logging() throws(FieldError) {
        let logging = try section("logging")
        switch try logging.string("format") ?? "" {
        case "": break
        case "text": configuration.log.format = .text
        case "json": configuration.log.format = .json
        case let text: throw logging.error("format", "\(quoted(text)) is not one of text, json")
        }
        let verbosity = try logging.integer("verbosity", in: 0...Int(Int32.max)) ?? 0
        configuration.log.level = DaemonConfiguration.Log.Level(verbosity: verbosity)
    }

    private mutating func gates() throws(FieldError) {
        let gates = try section("featureGates")
        for name in gates.names {
            guard let isOn = try gates.boolean(name) else { continue }
            switch name {
            case "AllowServiceExternalIPs": configuration.allowedExternalIPs = isOn ? nil : []
            case "KubeProxyNFTablesLocalhostNodePorts":
                // Without the gate, kube-proxy never accepts node ports on loopback addresses.
                if !isOn, configuration.mode == .nftables {
                    configuration.nodePorts.localhost = false
                }
            case "KubeProxyIPVS" where !isOn && configuration.mode == .ipvs:
                throw gates.error(name, "is false, and the mode is ipvs")
            default:
                guard let reason = FeatureGates.reasonAgainst(name, isOn) else { continue }
                unhonoured.append(("featureGates.\(printable(name))", reason))
            }
        }
    }

    /// The feature gates that are set, by name.
    func featureGates() throws(FieldError) -> [String: Bool] {
        let gates = try section("featureGates")
        var values: [String: Bool] = [:]
        for name in gates.names { values[name] = try gates.boolean(name) }
        return values
    }

    private mutating func node() throws(FieldError) {
        if let text = try fields.string("hostnameOverride") {
            let name = DaemonConfiguration.Node.name(override: text)
            guard name.map(DaemonConfiguration.Node.isName) ?? true else {
                throw fields.error(
                    "hostnameOverride",
                    "\(quoted(text)) is not \(DaemonConfiguration.Node.names)"
                )
            }
            configuration.node.name = name
        }
        if let address = try address("bindAddress"), !address.isUnspecified {
            configuration.node.addresses = [address]
        }
    }

    private func address(_ name: String) throws(FieldError) -> IPAddress? {
        guard let text = try fields.string(name), !text.isEmpty else { return nil }
        guard let address = IPAddress(text) else {
            throw fields.error(name, "\(quoted(text)) is not an IP address")
        }
        return address
    }

    private mutating func servers() throws(FieldError) {
        let isIPv6 = try address("bindAddress")?.family == .ipv6
        configuration.health.address =
            try listener("healthzBindAddress", isIPv6 ? "::" : "0.0.0.0", 10256)
        configuration.metrics.address =
            try listener("metricsBindAddress", isIPv6 ? "::1" : "127.0.0.1", 10249)
        if try fields.boolean("bindAddressHardFail") ?? false {
            configuration.health.bindFailure = .fatal
            configuration.metrics.bindFailure = .fatal
        }
    }

    /// An address with or without a port; nil for port 0, which disables the server.
    private func listener(
        _ name: String,
        _ address: String,
        _ port: Int
    ) throws(FieldError) -> SocketAddress? {
        var text = try fields.string(name) ?? ""
        if text.isEmpty { text = address }
        let bare =
            text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
        if let address = IPAddress(bare), let port = PortNumber(port) {
            return SocketAddress(address, port)
        }
        if text.hasSuffix(":0"), SocketAddress(parsing: text.dropLast() + "1") != nil { return nil }
        guard let parsed = SocketAddress(parsing: text) else {
            throw fields.error(name, "\(quoted(text)) is not of the form 0.0.0.0:\(port)")
        }
        return parsed
    }

    // MARK: - Rules

    /// The mode's section has the periods and the masquerading.
    private mutating func rules() throws(FieldError) {
        let iptables = try section("iptables")
        let nftables = try section("nftables")
        let ipvs = try section("ipvs")
        let (periods, masquerade) =
            switch configuration.mode {
            case .nftables: (nftables, nftables)
            case .ipvs: (ipvs, iptables)
            default: (iptables, iptables)
            }
        // As in kube-proxy, fields of another mode's section only have to be well formed.
        for section in [iptables, nftables, ipvs] {
            _ = try section.kubernetesTime("syncPeriod")
            _ = try section.kubernetesTime("minSyncPeriod")
        }
        for section in [iptables, nftables] {
            _ = try section.integer("masqueradeBit", in: 0...31)
            _ = try section.boolean("masqueradeAll")
        }
        configuration.masquerade.markBit =
            try masquerade.integer("masqueradeBit", in: 0...31) ?? 14
        configuration.masquerade.all = try masquerade.boolean("masqueradeAll") ?? false
        let localhost = try iptables.boolean("localhostNodePorts")
        if configuration.mode != .nftables { configuration.nodePorts.localhost = localhost }
        try reconcile(periods)
    }

    /// Zero means unset. An unset period keeps Fairlead's default, which is at most kube-proxy's,
    /// because a pass costs less here.
    private mutating func reconcile(_ section: Fields) throws(FieldError) {
        let period = try section.kubernetesTime("syncPeriod") ?? .zero
        let least = try section.kubernetesTime("minSyncPeriod") ?? .zero
        guard period == .zero || least <= period else {
            throw section.error("minSyncPeriod", "is longer than syncPeriod")
        }
        if least > .zero { configuration.reconcile.minInterval = min(least, .seconds(3600)) }
        if period > .zero {
            configuration.reconcile.fullResyncInterval =
                min(max(period, .seconds(1)), .seconds(86400))
        }
    }

    private mutating func ipvs() throws(FieldError) {
        let ipvs = try section("ipvs")
        configuration.ipvs.scheduler = .rr
        if let text = try ipvs.string("scheduler"), !text.isEmpty {
            if let scheduler = Scheduler(rawValue: text) {
                configuration.ipvs.scheduler = scheduler
            } else if configuration.mode == .ipvs {
                throw ipvs.error("scheduler", "\(quoted(text)) is not an IPVS scheduler")
            }
        }
    }

    private mutating func detector() throws(FieldError) {
        let detect = try section("detectLocal", onLineOf: "detectLocalMode")
        let text = try fields.string("detectLocalMode") ?? ""
        switch text {
        case "", "ClusterCIDR":
            configuration.detectLocal.clusterCIDRs = try clusterCIDRs()
        case "NodeCIDR":
            configuration.detectLocal.mode = .nodeCIDR
        case "BridgeInterface":
            configuration.detectLocal.mode = .bridgeInterface
            configuration.detectLocal.bridgeInterface =
                try detect.interfaceName("bridgeInterface", mode: text)
        case "InterfaceNamePrefix":
            configuration.detectLocal.mode = .interfaceNamePrefix
            configuration.detectLocal.interfaceNamePrefix =
                try detect.interfaceName("interfaceNamePrefix", mode: text)
        default:
            throw fields.error(
                "detectLocalMode",
                "\(quoted(text)) is not one of ClusterCIDR, NodeCIDR, BridgeInterface, InterfaceNamePrefix"
            )
        }
    }

    /// One range, or one of each family separated by a comma.
    private func clusterCIDRs() throws(FieldError) -> [IPPrefix] {
        let text = (try fields.string("clusterCIDR") ?? "").filter { $0 != " " }
        guard !text.isEmpty else { return [] }
        var ranges: [IPPrefix] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard part.contains("/"), let range = IPPrefix(String(part)) else {
                throw fields.error(
                    "clusterCIDR",
                    "\(quoted(String(part))) is not an address range such as 10.244.0.0/16"
                )
            }
            ranges.append(range)
        }
        guard Set(ranges.map(\.family)).count == ranges.count else {
            throw fields.error("clusterCIDR", "must be one range, or one of each family")
        }
        return ranges
    }

    /// Ranges and keywords, in any mix: `primary`, alone up to Kubernetes 1.36, and since 1.37
    /// `localhost` and `all`.
    private mutating func nodePorts() throws(FieldError) {
        let words = try fields.strings("nodePortAddresses")
        configuration.nodePorts.addresses =
            words.isEmpty
            ? (configuration.mode == .nftables ? .primary : .all) : try NodePortAddresses(words)
    }

    /// The fields that both configurations have under the same names, with kube-proxy's defaults.
    private mutating func shared() throws(FieldError) {
        configuration.oomScoreAdjustment = -999
        configuration.conntrack.maxPerCore = 32768
        configuration.conntrack.min = 131072
        configuration.conntrack.tcpEstablishedTimeout = .seconds(24 * 3600)
        configuration.conntrack.tcpCloseWaitTimeout = .seconds(3600)
        try ConfigurationField.root.readShared(
            KubeProxyFields.shared,
            fields,
            into: &configuration
        )
    }
}

extension DaemonConfiguration.Log.Level {
    /// For klog's verbosity, where 4 and more are meant for debugging.
    init(verbosity: Int) {
        self = verbosity >= 4 ? .debug : .info
    }
}

extension DaemonConfiguration.Node {
    /// kube-proxy's `hostnameOverride`; nil if it is blank.
    static func name(override text: String) -> String? {
        let blanks: Set<Character> = [" ", "\t", "\n", "\r"]
        let trimmed = text.drop { blanks.contains($0) }.reversed().drop { blanks.contains($0) }
        return trimmed.isEmpty ? nil : String(trimmed.reversed()).lowercased()
    }
}
