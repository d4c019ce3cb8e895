import Addressing
import AnnotatedYAML
import PrintableText
import ServiceModel

/// What is wrong with a configuration file, ready to print.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// `file:line: field: reason`.
    package var description: String

    init(file: String, _ error: FieldError) {
        description = "\(file):\(error.line): \(error)"
    }
}

extension DaemonConfiguration {
    /// Reads a configuration file's text. Fields left out keep their defaults; unknown ones are
    /// refused, so that a misspelt field never silently does nothing.
    package init(text: String, file: String) throws(ConfigurationError) {
        self.init()
        do throws(FieldError) {
            let documents = YAMLText.documents(text)
            guard documents.count <= 1 else {
                throw FieldError(line: 1, path: "", reason: "must be a single document")
            }
            guard let document = documents.first else { return }
            try decode(Fields(document.get()))
        } catch {
            throw ConfigurationError(file: file, error)
        }
    }

    /// All fields, as paths; the annotated example mentions each.
    package static var fieldPaths: [String] {
        topLevel.flatMap { name, nested in
            nested.isEmpty ? [name] : nested.map { "\(name).\($0)" }
        } + Sources.Kubernetes.fieldNames.map { "sources.kubernetes.\($0)" }
    }

    private static let topLevel: [(String, [String])] = [
        ("mode", []), ("families", []), ("node", ["name", "zone", "addresses"]),
        ("sources", ["files", "stateDirectory", "serviceProxyName", "kubernetes"]), ("netns", []),
        (
            "detectLocal",
            ["mode", "clusterCIDRs", "nodeCIDRs", "bridgeInterface", "interfaceNamePrefix"]
        ),
        ("nodePorts", ["addresses", "localhost"]), ("masquerade", ["all", "markBit"]),
        ("serviceCIDRs", []), ("externalIPs", ["allowed"]),
        (
            "reconcile",
            [
                "minInterval", "retryInterval", "maxRetryInterval", "fullResyncInterval",
                "driftCheckInterval",
            ]
        ),
        ("iptables", ["lockFile", "lockTimeout"]),
        (
            "ipvs",
            [
                "scheduler", "binding", "excludeCIDRs", "strictARP", "drainTimeout", "tcpTimeout",
                "tcpFinTimeout", "udpTimeout",
            ]
        ), ("nftables", ["scheduler", "counters"]),
        (
            "conntrack",
            [
                "maxPerCore", "min", "tcpEstablishedTimeout", "tcpCloseWaitTimeout",
                "tcpBeLiberal", "udpTimeout", "udpStreamTimeout", "cleanStaleUDP",
            ]
        ), ("health", ["address", "bindFailure"]), ("metrics", ["address", "bindFailure"]),
        ("status", ["socket"]), ("healthChecks", ["maxConcurrent", "caFile"]),
        ("removals", Removals.fieldNames), ("oomScoreAdj", []),
        ("log", ["level", "format"]),
    ]

    private mutating func decode(_ fields: Fields) throws(FieldError) {
        try fields.refuseUnknown(Self.topLevel.map(\.0))
        if let chosen = try fields.choice("mode", of: Mode.self) { mode = chosen.mode }
        families = try Self.families(fields)
        networkNamespace = try Self.namespace(fields)
        serviceCIDRs = try fields.ranges("serviceCIDRs")
        oomScoreAdjustment = try fields.integer("oomScoreAdj", in: -1000...1000)
        for (name, names) in Self.topLevel where !names.isEmpty {
            guard let nested = try fields.fields(name) else { continue }
            try nested.refuseUnknown(names)
            try decodeSection(name, nested)
        }
    }

    private mutating func decodeSection(_ name: String, _ fields: Fields) throws(FieldError) {
        switch name {
        case "node": try node.decode(fields)
        case "sources": try sources.decode(fields)
        case "detectLocal": try decodeDetector(fields)
        case "nodePorts": try nodePorts.decode(fields)
        case "masquerade":
            masquerade.all = try fields.boolean("all") ?? masquerade.all
            masquerade.markBit = try fields.integer("markBit", in: 0...31) ?? masquerade.markBit
        case "externalIPs": allowedExternalIPs = try Self.allowedExternalIPs(fields)
        case "reconcile": try reconcile.decode(fields)
        case "iptables":
            iptables.lockFile = try fields.absolutePath("lockFile") ?? iptables.lockFile
            iptables.lockTimeout =
                try fields.duration("lockTimeout", in: .zero ... .seconds(60))
                ?? iptables.lockTimeout
        case "ipvs":
            try ipvs.decode(fields)
            if ipvs.binding == .ranges, serviceCIDRs.isEmpty {
                throw fields.error("binding", "ranges needs serviceCIDRs")
            }
        case "nftables":
            nftables.scheduler =
                try fields.choice("scheduler", of: NFTables.Choice.self) ?? nftables.scheduler
            nftables.counters = try fields.boolean("counters") ?? nftables.counters
        case "conntrack": try conntrack.decode(fields)
        case "health": try health.decode(fields)
        case "metrics": try metrics.decode(fields)
        case "status":
            if fields.value("socket") != nil {
                status.socket = try fields.absolutePathOrNone("socket")
            }
        case "healthChecks": try healthChecks.decode(fields)
        case "removals": try removals.decode(fields)
        case "log":
            log.level = try fields.choice("level", of: Log.Level.self) ?? log.level
            log.format = try fields.choice("format", of: Log.Format.self) ?? log.format
        default: preconditionFailure("section \(name) has no decoder")
        }
    }

    private static func families(_ fields: Fields) throws(FieldError) -> [IPFamily]? {
        guard let value = fields.value("families") else { return nil }
        if case .scalar("auto", _) = value.content { return nil }
        var families: Set<IPFamily> = []
        for (text, line, path) in try fields.strings("families") {
            guard let family = IPFamily(rawValue: text) else {
                throw FieldError(
                    line: line,
                    path: path,
                    reason: "\(quoted(text)) is not one of IPv4, IPv6"
                )
            }
            families.insert(family)
        }
        guard !families.isEmpty else {
            throw fields.error("families", "must name a family, or be auto")
        }
        return families.sorted()
    }

    private static func namespace(_ fields: Fields) throws(FieldError) -> String? {
        guard let text = try fields.string("netns"), !text.isEmpty else { return nil }
        let isName = !text.contains("/") && text != "." && text != ".."
        guard isName || text.hasPrefix("/"), !text.utf8.contains(0) else {
            throw fields.error("netns", "\(quoted(text)) is no namespace name or absolute path")
        }
        return text
    }

    /// `all`, `none` or a list of ranges.
    private static func allowedExternalIPs(_ fields: Fields) throws(FieldError) -> [IPPrefix]? {
        guard let value = fields.value("allowed") else { return nil }
        switch value.content {
        case .scalar("all", _): return nil
        case .scalar("none", _): return []
        case .sequence: return try fields.ranges("allowed")
        default: throw fields.error("allowed", "must be all, none or a list of ranges")
        }
    }
}

extension DaemonConfiguration.Node {
    fileprivate mutating func decode(_ fields: Fields) throws(FieldError) {
        if let text = try fields.string("name"), !text.isEmpty { name = text.lowercased() }
        if let text = try fields.string("zone"), !text.isEmpty { zone = text }
        for (text, line, path) in try fields.strings("addresses") {
            guard let address = IPAddress(text), !address.isUnspecified else {
                throw FieldError(
                    line: line,
                    path: path,
                    reason: "\(quoted(text)) is no node address"
                )
            }
            guard !addresses.contains(where: { $0.family == address.family }) else {
                throw FieldError(line: line, path: path, reason: "at most one address a family")
            }
            addresses.append(address)
        }
    }
}

extension DaemonConfiguration.Sources {
    fileprivate mutating func decode(_ fields: Fields) throws(FieldError) {
        filePath = try fields.string("files") ?? filePath
        kubernetes = try fields.fields("kubernetes").map { (fields) throws(FieldError) in
            try DaemonConfiguration.Sources.Kubernetes(fields)
        }
        if filePath.isEmpty, kubernetes == nil {
            throw fields.error("files", "must not be empty without sources.kubernetes")
        }
        if fields.value("stateDirectory") != nil {
            stateDirectory = try fields.absolutePathOrNone("stateDirectory")
        }
        serviceProxyName = try fields.string("serviceProxyName") ?? serviceProxyName
    }
}

extension DaemonConfiguration.HealthChecks {
    fileprivate mutating func decode(_ fields: Fields) throws(FieldError) {
        maxConcurrent = try fields.integer("maxConcurrent", in: 1...1000) ?? maxConcurrent
        if let text = try fields.string("caFile"), !text.isEmpty {
            caFile = try fields.absolutePath("caFile")
        }
    }
}

extension DaemonConfiguration.Reconcile {
    fileprivate mutating func decode(_ fields: Fields) throws(FieldError) {
        let short = Duration.zero ... .seconds(3600)
        minInterval = try fields.duration("minInterval", in: short) ?? minInterval
        retryInterval =
            try fields.duration("retryInterval", in: .milliseconds(10) ... .seconds(3600))
            ?? retryInterval
        maxRetryInterval =
            try fields.duration("maxRetryInterval", in: .milliseconds(10) ... .seconds(3600))
            ?? maxRetryInterval
        fullResyncInterval =
            try fields.duration("fullResyncInterval", in: .seconds(1) ... .seconds(86400))
            ?? fullResyncInterval
        driftCheckInterval =
            try fields.duration("driftCheckInterval", in: .milliseconds(100) ... .seconds(3600))
            ?? driftCheckInterval
        guard retryInterval <= maxRetryInterval else {
            throw fields.error("retryInterval", "is longer than maxRetryInterval")
        }
    }
}

extension DaemonConfiguration {
    /// The words of Kubernetes' `detectLocalMode`.
    enum DetectorWord: String, CaseIterable {
        case clusterCIDR = "ClusterCIDR"
        case nodeCIDR = "NodeCIDR"
        case bridgeInterface = "BridgeInterface"
        case interfaceNamePrefix = "InterfaceNamePrefix"
        case none = "None"
    }

    /// The section `sources` has been read.
    private mutating func decodeDetector(_ fields: Fields) throws(FieldError) {
        let word = try fields.choice("mode", of: DetectorWord.self) ?? .clusterCIDR
        let clusterCIDRs = try fields.ranges("clusterCIDRs")
        let nodeCIDRs = try fields.ranges("nodeCIDRs")
        switch word {
        case .clusterCIDR: localDetector = clusterCIDRs.isEmpty ? .absent : .sources(clusterCIDRs)
        case .nodeCIDR:
            guard !nodeCIDRs.isEmpty || sources.kubernetes != nil else {
                throw fields.error(
                    "nodeCIDRs",
                    "is needed in mode NodeCIDR without sources.kubernetes"
                )
            }
            localDetector = .sources(nodeCIDRs)
            takesPodRangesFromNode = nodeCIDRs.isEmpty
        case .bridgeInterface:
            localDetector = .interface(
                try fields.interfaceName("bridgeInterface", mode: word.rawValue)
            )
        case .interfaceNamePrefix:
            localDetector = .interfacePrefix(
                try fields.interfaceName("interfaceNamePrefix", mode: word.rawValue)
            )
        case .none: localDetector = .absent
        }
    }
}

extension Fields {
    /// CIDR ranges; a bare address is a range of one.
    func ranges(_ name: String) throws(FieldError) -> [IPPrefix] {
        var result: [IPPrefix] = []
        for (text, line, path) in try strings(name) {
            guard let prefix = IPPrefix(text) else {
                throw FieldError(
                    line: line,
                    path: path,
                    reason: "\(quoted(text)) is no address range such as 10.244.0.0/16"
                )
            }
            result.append(prefix)
        }
        return result
    }

    fileprivate func absolutePath(_ name: String) throws(FieldError) -> String? {
        guard let text = try string(name) else { return nil }
        guard text.hasPrefix("/"), !text.utf8.contains(0) else {
            throw error(name, "\(quoted(text)) is no absolute path")
        }
        return text
    }

    /// Nil for an empty one.
    func absolutePathOrNone(_ name: String) throws(FieldError) -> String? {
        guard let text = try string(name), !text.isEmpty else { return nil }
        return try absolutePath(name)
    }

    /// 1 to 15 bytes (`IFNAMSIZ`) without blanks, slashes, or the `+` that iptables reads as a
    /// pattern.
    func interfaceName(_ name: String, mode: String) throws(FieldError) -> String {
        guard let text = try string(name), !text.isEmpty else {
            throw error(name, "is needed in mode \(mode)")
        }
        let isValid =
            (1...15).contains(text.utf8.count)
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x2f && $0 != 0x2b }
        guard isValid else { throw error(name, "\(quoted(text)) is no interface name") }
        return text
    }
}
