import Glibc
import Logging

/// A log line for a person at a terminal: the time of day, then level and message in columns.
///
///     06:30:15.788Z  WARNING  Repaired objects changed by another program  objects=9 services=demo/web
struct TerminalLine {
    /// Longer messages, of which there are few, move their metadata to the right.
    private static let messageWidth = 32

    var inColour: Bool

    /// `timestamp` is of RFC 3339; the values of `fields` are safe to print.
    func text(
        _ timestamp: String,
        _ level: Logger.Level,
        _ message: String,
        _ fields: [(key: String, value: String)]
    ) -> String {
        let time = timestamp.dropFirst("2026-11-24T".count)
        let name = Self.padded(level.rawValue.uppercased(), to: "CRITICAL".count)
        let values = fields.map { "\(paint("\($0.key)=", "2"))\($0.value)" }.joined(separator: " ")
        let width = fields.isEmpty ? 0 : Self.messageWidth
        let line =
            "\(paint(String(time), "2"))  \(paint(name, Self.colour(level)))  \(Self.padded(message, to: width))"
        return fields.isEmpty ? line : "\(line)  \(values)"
    }

    private static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// Parameters of ECMA-48's SGR.
    private static func colour(_ level: Logger.Level) -> String {
        switch level {
        case .trace, .debug: "2"
        case .info: "32"
        case .notice: "36"
        case .warning: "33"
        case .error, .critical: "1;31"
        }
    }

    private func paint(_ text: String, _ parameters: String) -> String {
        inColour ? "\u{1b}[\(parameters)m\(text)\u{1b}[0m" : text
    }
}

extension DaemonLogHandler.Format {
    /// For a person if standard error is a terminal, in colour unless `NO_COLOR` is set and not empty or
    /// the terminal is dumb; else text.
    package static func forPeople(
        _ environment: [String: String],
        descriptor: Int32 = STDERR_FILENO
    ) -> Self {
        guard isatty(descriptor) == 1 else { return .text }
        let refusesColour = !(environment["NO_COLOR"] ?? "").isEmpty
        return .terminal(inColour: !refusesColour && environment["TERM"] != "dumb")
    }
}
