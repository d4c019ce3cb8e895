import Glibc
package import Logging

/// Writes log lines to standard error, as text or JSON, or sends them to journald.
///
/// Messages are constant and data is in the metadata. Control characters in it, which may come from
/// hostile names, are escaped, so that one call always yields one line.
package struct DaemonLogHandler: LogHandler {
    /// The format of a line.
    package enum Format: Sendable, Equatable {
        /// Time, level, message, metadata.
        case text
        /// The same in columns, for a person at a terminal.
        case terminal(inColour: Bool)
        /// journald's fields, each metadata key as `FAIRLEAD_…`. If journald does not accept them:
        /// `<priority>message metadata` on standard error (sd-daemon(3)).
        case journal
        /// One JSON object.
        case json
    }

    /// That of the settings, unless this copy has been given one of its own.
    package var logLevel: Logger.Level {
        get { ownLevel ?? settings.values.level }
        set { ownLevel = newValue }
    }
    package var metadata: Logger.Metadata = [:]
    private let settings: LogSettings
    private var ownLevel: Logger.Level?

    package init(_ settings: LogSettings) { self.settings = settings }

    /// Whether standard error is the journal: it has to be the socket named by `JOURNAL_STREAM`
    /// (systemd.exec(5)). A child process inherits the variable, but may have standard error
    /// redirected to a file.
    package static func isForJournal(
        _ environment: [String: String],
        descriptor: Int32 = STDERR_FILENO
    ) -> Bool {
        var status = stat()
        guard let stream = environment["JOURNAL_STREAM"], unsafe fstat(descriptor, &status) == 0
        else {
            return false
        }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let merged = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let fields = merged.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        let values = settings.values
        let journal = values.format == .journal ? settings.journal : nil
        if let journal, journal.send(Self.journalFields(event.level, "\(event.message)", fields)) {
            return
        }
        let line = Self.line(values.format, event.level, "\(event.message)", fields) + "\n"
        // A single write, so that lines of several threads do not mix; a full disk must not stop
        // the daemon.
        _ = unsafe Array(line.utf8).withUnsafeBytes {
            unsafe write(STDERR_FILENO, $0.baseAddress, $0.count)
        }
    }

    static func line(
        _ format: Format,
        _ level: Logger.Level,
        _ message: String,
        _ fields: [(String, String)]
    ) -> String {
        switch format {
        case .json:
            let all =
                [("time", Moment.now.timestamp), ("level", level.rawValue), ("message", message)]
                + fields
            return "{"
                + all.map { "\(JSONText.string($0.0)):\(JSONText.string($0.1))" }.joined(
                    separator: ","
                )
                + "}"
        case .journal:
            return "<\(priority(level))>\(message)\(suffix(fields))"
        case .text:
            let name = level.rawValue.uppercased()
            return "\(Moment.now.timestamp) \(name) \(message)\(suffix(fields))"
        case .terminal(let inColour):
            let safe = fields.map { (key: $0.0, value: word($0.1)) }
            return TerminalLine(inColour: inColour)
                .text(Moment.now.timestamp, level, message, safe)
        }
    }

    /// The message includes the metadata, so that `journalctl` shows all of it.
    static func journalFields(
        _ level: Logger.Level,
        _ message: String,
        _ fields: [(String, String)]
    ) -> [(name: String, value: String)] {
        [
            ("MESSAGE", message + suffix(fields)), ("PRIORITY", "\(priority(level))"),
            ("SYSLOG_IDENTIFIER", "fairlead"), ("FAIRLEAD_EVENT", message),
        ] + fields.map { (JournalSocket.name(of: $0.0), $0.1) }
    }

    private static func suffix(_ fields: [(String, String)]) -> String {
        fields.map { " \($0)=\(word($1))" }.joined()
    }

    /// A value as it is if it is one word, else as a JSON string, without control characters.
    private static func word(_ value: String) -> String {
        let isPlain =
            !value.isEmpty && value.allSatisfy { $0 > " " && $0 != "\"" && $0 < "\u{7f}" }
        return isPlain ? value : JSONText.string(value)
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
}
