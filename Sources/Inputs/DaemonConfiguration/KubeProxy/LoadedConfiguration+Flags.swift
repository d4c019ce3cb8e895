import Addressing
import AnnotatedYAML
import PrintableText

extension LoadedConfiguration {
    /// Whether the flags replace a configuration file: some are not among those that are also used
    /// with a file.
    package static func isConfiguration(_ flags: [KubeProxyFlag]) -> Bool {
        flags.contains { KubeProxyFlag.specification($0.name)?.goesWithFile == false }
    }

    /// The configuration by kube-proxy's flags alone, with kube-proxy's defaults for the rest. The
    /// error names the flag that cannot be used.
    package init(flags: [KubeProxyFlag]) throws(ConfigurationError) {
        var document = FlagDocument()
        for flag in flags { try document.add(flag) }
        do throws(FieldError) {
            let translation = try KubeProxyTranslation(document.value)
            self.init(translation.configuration)
            featureGates = try translation.featureGates()
            if let summary = translation.summary { warnings.append("flags: \(summary)") }
        } catch {
            throw ConfigurationError(flagFor: error)
        }
        if !document.isHealthServed { configuration.health.address = nil }
        if !document.isMetricsServed { configuration.metrics.address = nil }
        warnings += document.warnings
        try applyMaster(flags)
    }

    /// Overrides a file's settings by the flags that kube-proxy uses even with a file, and warns about
    /// the others. Throws for a flag that cannot be used, or that another command replaces.
    package mutating func overlay(_ flags: [KubeProxyFlag]) throws(ConfigurationError) {
        guard !flags.isEmpty else { return }
        let honoured = flags.filter { KubeProxyFlag.specification($0.name)?.goesWithFile == true }
        let names = flags.filter { !honoured.contains($0) }.map { "--\($0.name)" }
        for flag in flags {
            if case .otherCommand(let command) = KubeProxyFlag.specification(flag.name)?.meaning {
                throw ConfigurationError(flag: flag.name, reason: "here it is \(command)")
            }
        }
        if !names.isEmpty {
            warnings.append(
                "flags: not honoured, as the configuration file decides: \(names.joined(separator: ", "))"
            )
        }
        let over = try LoadedConfiguration(flags: honoured.filter { $0.name != "master" })
        warnings += over.warnings
        for flag in honoured {
            switch flag.name {
            case "hostname-override":
                if let name = over.configuration.node.name { configuration.node.name = name }
            case "v": configuration.log.level = over.configuration.log.level
            case "logging-format": configuration.log.format = over.configuration.log.format
            default: break
            }
        }
        try applyMaster(flags)
    }

    private mutating func applyMaster(_ flags: [KubeProxyFlag]) throws(ConfigurationError) {
        guard let text = flags.last(where: { $0.name == "master" })?.value, !text.isEmpty else {
            return
        }
        guard DaemonConfiguration.Sources.Kubernetes.isServer(text) else {
            throw ConfigurationError(
                flag: "master",
                reason: "\(quoted(text)) is not a server such as https://192.0.2.1:6443"
            )
        }
        var source = configuration.sources.kubernetes ?? .init()
        source.servers = [text]
        configuration.sources.kubernetes = source
    }
}

extension ConfigurationError {
    /// About a flag.
    init(flag: String, reason: String) {
        description = "--\(flag): \(reason)"
    }

    /// About the flag that set the field in question.
    fileprivate init(flagFor error: FieldError) {
        let path = error.path.prefix { $0 != "[" }
        let flag = KubeProxyFlag.table.first { flag in
            switch flag.meaning {
            case .fields(let paths, .gates): paths.contains { path.hasPrefix($0) }
            case .fields(let paths, _): paths.contains { $0 == path }
            default: false
            }
        }
        description = flag.map { "--\($0.name): \(error.reason)" } ?? "flags: \(error)"
    }
}

/// The `KubeProxyConfiguration` that is equivalent to kube-proxy's flags.
private struct FlagDocument {
    private var entries: [YAMLValue.Entry] = []
    private(set) var isHealthServed = true
    private(set) var isMetricsServed = true
    private(set) var warnings: [String] = []

    init() {
        set(["apiVersion"], .scalar(KubeProxyDocument.version, isPlain: true))
        set(["kind"], .scalar(KubeProxyDocument.kind, isPlain: true))
    }

    var value: YAMLValue { YAMLValue(line: 1, content: .mapping(entries)) }

    mutating func add(_ flag: KubeProxyFlag) throws(ConfigurationError) {
        guard let specification = KubeProxyFlag.specification(flag.name) else {
            throw ConfigurationError(flag: flag.name, reason: "kube-proxy has no such flag")
        }
        switch specification.meaning {
        // Unlike in the file, an empty address disables the server.
        case .fields(["healthzBindAddress"], _) where flag.value.isEmpty: isHealthServed = false
        case .fields(["metricsBindAddress"], _) where flag.value.isEmpty: isMetricsServed = false
        case .fields(let paths, let kind):
            let content = try content(flag, kind)
            for path in paths { set(path.split(separator: ".").map(String.init), content) }
        case .master: break
        case .port(let path): try setPort(flag, path)
        case .unhonoured(let reason):
            warnings.append("flags: not honoured: --\(flag.name) (\(reason))")
        case .otherCommand(let command):
            throw ConfigurationError(flag: flag.name, reason: "here it is \(command)")
        }
    }

    private func content(
        _ flag: KubeProxyFlag,
        _ kind: KubeProxyFlag.Kind
    ) throws(ConfigurationError) -> YAMLValue.Content {
        switch kind {
        case .value: return .scalar(flag.value, isPlain: true)
        case .boolean:
            guard let isOn = Self.boolean(flag.value) else {
                throw ConfigurationError(
                    flag: flag.name,
                    reason: "must be true or false, not \(quoted(flag.value))"
                )
            }
            return .scalar(isOn ? "true" : "false", isPlain: true)
        case .list:
            return .sequence(
                flag.value.split(separator: ",").map {
                    YAMLValue(line: 1, content: .scalar(String($0), isPlain: true))
                }
            )
        case .gates:
            var gates: [YAMLValue.Entry] = []
            for part in flag.value.split(separator: ",") {
                let words = part.split(separator: "=", maxSplits: 1).map(String.init)
                guard words.count == 2, let isOn = Self.boolean(words[1]) else {
                    throw ConfigurationError(
                        flag: flag.name,
                        reason: "\(quoted(String(part))) is not of the form Name=true"
                    )
                }
                let content = YAMLValue.Content.scalar(isOn ? "true" : "false", isPlain: true)
                gates.append(
                    YAMLValue.Entry(
                        key: words[0],
                        keyLine: 1,
                        value: YAMLValue(line: 1, content: content)
                    )
                )
            }
            return .mapping(gates)
        }
    }

    /// As Go's `strconv.ParseBool`; nil for any other text.
    private static func boolean(_ text: String) -> Bool? {
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": true
        case "0", "f", "F", "false", "FALSE", "False": false
        default: nil
        }
    }

    private mutating func setPort(_ flag: KubeProxyFlag, _ path: String) throws(ConfigurationError)
    {
        guard let number = Int(flag.value), (0...65535).contains(number) else {
            throw ConfigurationError(flag: flag.name, reason: "\(quoted(flag.value)) is not a port")
        }
        let isHealth = path == "healthzBindAddress"
        guard let port = PortNumber(number) else {
            if isHealth { isHealthServed = false } else { isMetricsServed = false }
            return
        }
        let address = isHealth ? "0.0.0.0" : "127.0.0.1"
        set([path], .scalar("\(address):\(port)", isPlain: true))
    }

    private mutating func set(_ path: [String], _ content: YAMLValue.Content) {
        Self.set(&entries, path[...], content)
    }

    private static func set(
        _ entries: inout [YAMLValue.Entry],
        _ path: ArraySlice<String>,
        _ content: YAMLValue.Content
    ) {
        guard let name = path.first else { return }
        let index = entries.firstIndex { $0.key == name }
        var value = index.map { entries[$0].value } ?? YAMLValue(line: 1, content: .mapping([]))
        if path.count == 1 {
            value.content = content
        } else if case .mapping(var nested) = value.content {
            set(&nested, path.dropFirst(), content)
            value.content = .mapping(nested)
        }
        if let index {
            entries[index].value = value
        } else {
            entries.append(YAMLValue.Entry(key: name, keyLine: 1, value: value))
        }
    }
}
