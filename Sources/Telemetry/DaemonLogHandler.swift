import Glibc
package import Logging

/// Writes log lines to standard error: for a person, for journald, or as JSON.
///
/// Messages are constant and data is in the metadata; control characters in it, which may come from
/// hostile names, are escaped, so that one call is always one line.
package struct DaemonLogHandler: LogHandler {
    /// How a line looks.
    package enum Format: Sendable {
        /// Time, level, message, metadata.
        case text
        /// `<priority>message metadata`; journald adds time and unit (sd-daemon(3)).
        case journal
        /// One JSON object.
        case json
    }

    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    private let format: Format

    /// Lines below `level` are left out.
    package init(format: Format, level: Logger.Level) {
        self.format = format
        logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let merged = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let fields = merged.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        let line = line(event.level, "\(event.message)", fields) + "\n"
        // One write, so that lines of several threads do not mix; a full disk is no reason to stop.
        _ = Array(line.utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    func line(_ level: Logger.Level, _ message: String, _ fields: [(String, String)]) -> String {
        switch format {
        case .json:
            let all =
                [("time", Self.timestamp()), ("level", level.rawValue), ("message", message)]
                + fields
            return "{"
                + all.map { "\(Self.quoted($0.0)):\(Self.quoted($0.1))" }.joined(separator: ",")
                + "}"
        case .journal:
            return "<\(Self.priority(level))>\(message)\(Self.suffix(fields))"
        case .text:
            let name = level.rawValue.uppercased()
            return "\(Self.timestamp()) \(name) \(message)\(Self.suffix(fields))"
        }
    }

    private static func suffix(_ fields: [(String, String)]) -> String {
        fields.map { key, value in
            let isPlain =
                !value.isEmpty && value.allSatisfy { $0 > " " && $0 != "\"" && $0 < "\u{7f}" }
            return " \(key)=\(isPlain ? value : quoted(value))"
        }.joined()
    }

    /// A JSON string.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case _ where scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value):
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// syslog(3) priorities.
    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    /// UTC, with milliseconds (RFC 3339).
    private static func timestamp() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        gmtime_r(&now.tv_sec, &parts)
        func padded(_ number: Int32, _ width: Int = 2) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = "\(parts.tm_year + 1900)-\(padded(parts.tm_mon + 1))-\(padded(parts.tm_mday))"
        let time = "\(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec))"
        return "\(date)T\(time).\(padded(Int32(now.tv_nsec / 1_000_000), 3))Z"
    }
}
