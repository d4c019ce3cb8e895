import AnnotatedYAML

/// A field's value, to be written as YAML or JSON.
package enum ConfigurationValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    case number(Int)
    /// Text that YAML reads as text without quotes: a keyword or a duration.
    case word(String)
    case text(String)
    case list([ConfigurationValue])
    indirect case mapping([Entry])

    package struct Entry: Sendable, Equatable {
        package var name: String
        package var value: ConfigurationValue
    }

    /// A duration in the largest unit of `ms`, `s`, `m` and `h` that it is a multiple of.
    static func time(_ duration: Duration) -> Self {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        let units: [(Int64, String)] = [(3_600_000, "h"), (60_000, "m"), (1000, "s")]
        for (size, unit) in units where milliseconds != 0 && milliseconds % size == 0 {
            return .word("\(milliseconds / size)\(unit)")
        }
        return .word(milliseconds == 0 ? "0s" : "\(milliseconds)ms")
    }

    /// On one line; a mapping as JSON, which is YAML too.
    package var yaml: String {
        switch self {
        case .word(let text): text
        case .text(let text): Self.isPlain(text) ? text : Self.quoted(text)
        case .list(let values): "[\(values.map(\.yaml).joined(separator: ", "))]"
        default: json
        }
    }

    /// On one line.
    package var json: String {
        switch self {
        case .null: "null"
        case .boolean(let isTrue): "\(isTrue)"
        case .number(let number): "\(number)"
        case .word(let text), .text(let text): Self.quoted(text)
        case .list(let values): "[\(values.map(\.json).joined(separator: ","))]"
        case .mapping(let entries):
            "{\(entries.map { "\(Self.quoted($0.name)):\($0.value.json)" }.joined(separator: ","))}"
        }
    }

    /// Whether YAML reads it, without quotes, as this text.
    private static func isPlain(_ text: String) -> Bool {
        text.first.map { $0.isASCII && ($0.isLetter || $0 == "/") } == true
            && text.unicodeScalars.allSatisfy {
                switch $0 {
                case "a"..."z", "A"..."Z", "0"..."9", "/", ".", "-", "_": true
                default: false
                }
            } && PlainScalar(text) == .text
    }

    /// In double quotes. YAML and JSON share `\u` but differ beyond 16 bits, so such characters are
    /// not escaped.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case " "..."~", "\u{10000}"...: result.unicodeScalars.append(scalar)
            default:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            }
        }
        return result + "\""
    }
}
