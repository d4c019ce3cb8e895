import Addressing
import AnnotatedYAML
import DataplaneModel
import PrintableText
import ServiceModel

/// The notation of values in a file.
enum Notation {
    case own
    /// Go's durations, clamped to the field's range.
    case kubernetes
}

/// How a field's value is read and written.
struct FieldFormat<Value: Sendable>: Sendable {
    /// The permitted values and the unit, for people.
    let values: String
    /// Nil if the field is absent or null; throws for any other value that is not permitted.
    let parse: @Sendable (Fields, String, Notation) throws(FieldError) -> Value?
    let render: @Sendable (Value) -> ConfigurationValue

    init(
        _ values: String,
        _ render: @escaping @Sendable (Value) -> ConfigurationValue,
        _ parse: @escaping @Sendable (Fields, String) throws(FieldError) -> Value?
    ) {
        self.values = values
        self.render = render
        self.parse = { (fields, name, _) throws(FieldError) in try parse(fields, name) }
    }
}

extension FieldFormat where Value: RawRepresentable<String> & CaseIterable {
    static var choice: Self {
        Self(
            Value.allCases.map(\.rawValue).joined(separator: ", "),
            { .word($0.rawValue) },
            { (fields, name) throws(FieldError) in try fields.choice(name, of: Value.self) }
        )
    }
}

extension FieldFormat<ProxyMode?> {
    static var mode: Self {
        let words = FieldFormat<DaemonConfiguration.Mode>.choice
        let render: @Sendable (ProxyMode?) -> ConfigurationValue = { mode in
            words.render(DaemonConfiguration.Mode(mode: mode))
        }
        return Self(words.values, render) { (fields, name) throws(FieldError) in
            guard let word = try words.parse(fields, name, .own) else { return nil }
            return word.mode
        }
    }
}

extension FieldFormat<Bool> {
    static var boolean: Self {
        Self(
            "true or false",
            { .boolean($0) },
            { (fields, name) throws(FieldError) in try fields.boolean(name) }
        )
    }
}

extension FieldFormat<Bool?> {
    /// Nil is `auto`.
    static var automaticBoolean: Self {
        let render: @Sendable (Bool?) -> ConfigurationValue = { isTrue in
            isTrue.map { .boolean($0) } ?? .word("auto")
        }
        return Self("true, false or auto", render) { (fields, name) throws(FieldError) in
            if case .scalar("auto", _) = fields.value(name)?.content { return .some(nil) }
            // Absent is not `auto`.
            guard let isTrue = try fields.boolean(name) else { return nil }
            return isTrue
        }
    }
}

extension FieldFormat<Int> {
    static func integer(_ range: ClosedRange<Int>) -> Self {
        Self(
            "\(range.lowerBound) to \(range.upperBound)",
            { .number($0) },
            { (fields, name) throws(FieldError) in try fields.integer(name, in: range) }
        )
    }
}

extension FieldFormat<Int?> {
    static func optionalInteger(_ range: ClosedRange<Int>) -> Self {
        Self(
            "\(range.lowerBound) to \(range.upperBound), or null",
            { $0.map { .number($0) } ?? .null },
            { (fields, name) throws(FieldError) in
                // Not `try` alone, which would make absent a value that is nil.
                guard let number = try fields.integer(name, in: range) else { return nil }
                return number
            }
        )
    }
}

extension FieldFormat<Duration> {
    static func time(_ range: ClosedRange<Duration>) -> Self {
        Self(
            values:
                "a time, \(ConfigurationValue.time(range.lowerBound).yaml) to \(ConfigurationValue.time(range.upperBound).yaml)",
            parse: { (fields, name, notation) throws(FieldError) in
                guard notation == .kubernetes else { return try fields.duration(name, in: range) }
                return try fields.kubernetesTime(name).map {
                    min(max($0, range.lowerBound), range.upperBound)
                }
            },
            render: { .time($0) }
        )
    }

    private init(
        values: String,
        parse: @escaping @Sendable (Fields, String, Notation) throws(FieldError) -> Duration?,
        render: @escaping @Sendable (Duration) -> ConfigurationValue
    ) {
        (self.values, self.parse, self.render) = (values, parse, render)
    }
}

extension FieldFormat<String> {
    static var text: Self {
        Self(
            "text",
            { .text($0) },
            { (fields, name) throws(FieldError) in try fields.string(name) }
        )
    }

    static var absolutePath: Self {
        Self(
            "an absolute path",
            { .text($0) },
            { (fields, name) throws(FieldError) in
                guard let text = try fields.string(name) else { return nil }
                guard isAbsolutePath(text) else {
                    throw fields.error(name, "\(quoted(text)) is not an absolute path")
                }
                return text
            }
        )
    }
}

private func isAbsolutePath(_ text: String) -> Bool {
    text.hasPrefix("/") && !text.utf8.contains(0)
}

extension FieldFormat {
    /// Text that `parse` converts; it returns nil for text that is not `wanted`. Empty means nil.
    private static func optional<Wrapped: CustomStringConvertible>(
        _ values: String,
        wanted: String? = nil,
        _ parse: @escaping @Sendable (String) -> Wrapped?
    ) -> Self where Value == Wrapped? {
        let render: @Sendable (Wrapped?) -> ConfigurationValue = { .text($0?.description ?? "") }
        return Self("\(values), or empty", render) { (fields, name) throws(FieldError) in
            guard let text = try fields.string(name) else { return nil }
            guard !text.isEmpty else { return .some(nil) }
            guard let value = parse(text) else {
                throw fields.error(name, "\(quoted(text)) is not \(wanted ?? values)")
            }
            return value
        }
    }
}

extension FieldFormat<String?> {
    static var optionalText: Self { optional("text") { $0 } }
    static var nodeName: Self {
        optional(DaemonConfiguration.Node.names) { text in
            let name = text.lowercased()
            return DaemonConfiguration.Node.isName(name) ? name : nil
        }
    }
    static var optionalPath: Self {
        optional("an absolute path") { isAbsolutePath($0) ? $0 : nil }
    }
    static var interfaceName: Self {
        optional("an interface name") { Fields.isInterfaceName($0) ? $0 : nil }
    }
    static var namespace: Self {
        optional("a namespace name or absolute path") { text in
            let isName = !text.contains("/") && ![".", ".."].contains(text)
            return isAbsolutePath(text) || isName && !text.utf8.contains(0) ? text : nil
        }
    }
}

extension FieldFormat<SocketAddress?> {
    static var listener: Self {
        optional(
            "an IP address and a port",
            wanted: "of the form 127.0.0.1:10256 or [::1]:10256"
        ) { SocketAddress(parsing: $0) }
    }
}

extension FieldFormat {
    /// A list of texts. Each must be `wanted`, or `parse` returns nil and its line is an error.
    private static func list<Element: CustomStringConvertible>(
        _ values: String,
        of wanted: String,
        _ parse: @escaping @Sendable (String) -> Element?
    ) -> Self where Value == [Element] {
        Self(
            values,
            { .list($0.map { .text($0.description) }) },
            { (fields, name) throws(FieldError) in
                fields.value(name) == nil ? nil : try fields.parsed(name, wanted, parse)
            }
        )
    }
}

extension FieldFormat<[IPPrefix]> {
    /// CIDR ranges; a bare address is a range of one.
    static var ranges: Self {
        list("a list of address ranges", of: "an address range such as 10.244.0.0/16") {
            IPPrefix($0)
        }
    }
}

extension FieldFormat<[IPPrefix]?> {
    /// Nil is `all`, and an empty list `none`.
    static var allowedRanges: Self {
        let render: @Sendable ([IPPrefix]?) -> ConfigurationValue = { ranges in
            guard let ranges else { return .word("all") }
            return ranges.isEmpty ? .word("none") : FieldFormat<[IPPrefix]>.ranges.render(ranges)
        }
        return Self("all, none or a list of address ranges", render) {
            (fields, name) throws(FieldError) in
            guard let value = fields.value(name) else { return nil }
            switch value.content {
            case .scalar("all", _): return .some(nil)
            case .scalar("none", _): return .some([])
            case .sequence:
                return try FieldFormat<[IPPrefix]>.ranges.parse(fields, name, .own)
            default: throw fields.error(name, "must be all, none or a list of ranges")
            }
        }
    }
}

extension FieldFormat<[IPFamily]?> {
    /// Nil is `auto`.
    static var families: Self {
        let render: @Sendable ([IPFamily]?) -> ConfigurationValue = { families in
            families.map { .list($0.map { .word($0.rawValue) }) } ?? .word("auto")
        }
        return Self("auto, or a list of IPv4 and IPv6", render) {
            (fields, name) throws(FieldError) in
            guard let value = fields.value(name) else { return nil }
            if case .scalar("auto", _) = value.content { return .some(nil) }
            let families = try fields.distinct(name, "one of IPv4, IPv6", IPFamily.init(rawValue:))
            guard !families.isEmpty else {
                throw fields.error(name, "must name a family, or be auto")
            }
            return families.sorted()
        }
    }
}

extension FieldFormat<[IPAddress]> {
    static var nodeAddresses: Self {
        Self(
            "a list of IP addresses, at most one of each family",
            { .list($0.map { .text($0.description) }) },
            { (fields, name) throws(FieldError) in
                guard fields.value(name) != nil else { return nil }
                let addresses = try fields.parsed(name, "a node's address") {
                    IPAddress($0).flatMap { $0.isUnspecified ? nil : $0 }
                }
                guard Set(addresses.map(\.family)).count == addresses.count else {
                    throw fields.error(name, "at most one address of each family")
                }
                return addresses
            }
        )
    }
}

extension FieldFormat<[String]> {
    static var servers: Self {
        list("a list of URLs", of: "a server such as https://192.0.2.1:6443") {
            DaemonConfiguration.Sources.Kubernetes.isServer($0) ? $0 : nil
        }
    }

    static var absolutePaths: Self {
        list("a list of absolute paths", of: "an absolute path") { isAbsolutePath($0) ? $0 : nil }
    }
}

extension FieldFormat<NodePortAddresses> {
    static var nodePortAddresses: Self {
        let render: @Sendable (NodePortAddresses) -> ConfigurationValue = { addresses in
            let words = addresses.words
            return words.count == 1 && addresses.ranges.isEmpty
                ? .word(words[0]) : .list(words.map { .text($0) })
        }
        return Self("all, primary, localhost, or a list of these and of ranges", render) {
            (fields, name) throws(FieldError) in
            guard let value = fields.value(name) else { return nil }
            switch value.content {
            case .scalar(let text, _) where NodePortWord(rawValue: text) != nil:
                return try NodePortAddresses([(text, value.line, name)])
            case .sequence(let elements) where !elements.isEmpty:
                return try NodePortAddresses(fields.strings(name))
            default:
                throw fields.error(
                    name,
                    "must be all, primary, localhost or a list of these words and of ranges"
                )
            }
        }
    }
}

extension Fields {
    /// A duration in Go's notation, zero or longer; nil if absent.
    func kubernetesTime(_ name: String) throws(FieldError) -> Duration? {
        guard let text = try string(name) else { return nil }
        guard let time = GoDuration.parse(text) else {
            throw error(name, "\(quoted(text)) is not a time such as 30s or 1h30m")
        }
        guard time >= .zero else { throw error(name, "must not be negative") }
        return time
    }

    func interfaceName(_ name: String, mode: String) throws(FieldError) -> String {
        guard let text = try string(name), !text.isEmpty else {
            throw error(name, "is needed in mode \(mode)")
        }
        guard Self.isInterfaceName(text) else {
            throw error(name, "\(quoted(text)) is not an interface name")
        }
        return text
    }

    /// 1 to 15 bytes (`IFNAMSIZ`) without blanks, slashes, or the `+` that iptables reads as a
    /// pattern.
    static func isInterfaceName(_ text: String) -> Bool {
        (1...15).contains(text.utf8.count)
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x2f && $0 != 0x2b }
    }
}
