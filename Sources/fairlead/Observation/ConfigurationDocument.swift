import DaemonConfiguration
import Telemetry

/// The configuration in effect, as JSON: every field by its name in the program, without secrets.
struct ConfigurationDocument {
    /// One line.
    let json: String

    init(_ configuration: DaemonConfiguration) {
        json = Self.text(configuration)
    }

    private static func text(_ value: Any) -> String {
        switch value {
        case let value as String: return JSONText.string(value)
        case let value as Bool: return "\(value)"
        case let value as any FixedWidthInteger: return "\(value)"
        case let value as Duration: return JSONText.string("\(value.inSeconds)s")
        case let value as any CustomStringConvertible
        where Mirror(reflecting: value).displayStyle == .struct:
            return JSONText.string(value.description)
        default: return composed(value)
        }
    }

    private static func composed(_ value: Any) -> String {
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .optional: return mirror.children.first.map { text($0.value) } ?? "null"
        case .collection, .set:
            return "[\(mirror.children.map { text($0.value) }.joined(separator: ","))]"
        case .struct:
            let fields = mirror.children.map { child in
                let name = child.label ?? ""
                let value = isSecret(name) ? JSONText.string("removed") : text(child.value)
                return "\(JSONText.string(name)):\(value)"
            }
            return "{\(fields.joined(separator: ","))}"
        case .enum where !mirror.children.isEmpty:
            let payload = mirror.children.map { text($0.value) }.joined(separator: ",")
            return "{\(JSONText.string(mirror.children.first?.label ?? "")):\(payload)}"
        default: return JSONText.string("\(value)")
        }
    }

    /// None has one now; this is for those to come.
    private static func isSecret(_ name: String) -> Bool {
        ["token", "password", "secret", "key"].contains { name.lowercased().hasSuffix($0) }
    }
}
