import Addressing
import PrintableText
import ServiceModel

/// What keepalived inherits from virtual server to real server to checker.
struct KeepalivedCheckSettings: Equatable {
    private(set) var delayLoop = Duration.seconds(60)
    private(set) var connectTimeout = Duration.seconds(5)
    private(set) var retries = 1
    /// The checker's own if nil.
    private(set) var delayBeforeRetry: Duration?
    private(set) var virtualHost: String?

    /// Takes a setting; what is not a valid value is a finding, and the former one stays.
    mutating func read(
        _ line: KeepalivedStatement,
        _ object: String,
        _ converted: inout Converted
    ) {
        let text = line.words.count > 1 ? line.words[1] : ""
        let isTaken: Bool
        switch line.keyword {
        case "delay_loop": isTaken = Self.take(Self.timer(text), &delayLoop)
        case "connect_timeout": isTaken = Self.take(Self.timer(text), &connectTimeout)
        case "delay_before_retry":
            isTaken = Self.timer(text) != nil
            delayBeforeRetry = Self.timer(text) ?? delayBeforeRetry
        case "retry", "nb_get_retry":
            let count = Int(text).flatMap { (0...1_000_000).contains($0) ? $0 : nil }
            isTaken = Self.take(count, &retries)
        case "virtualhost":
            isTaken = Self.isHost(text)
            if isTaken { virtualHost = text }
        // An unhealthy endpoint gets no new connections and keeps the others in any case; the rest is
        // read elsewhere or of no effect.
        default: isTaken = true
        }
        guard !isTaken else { return }
        converted.leaveOut(line.line, object, "\(line.title): is not a valid value; it is left out")
    }

    /// Nil takes nothing.
    private static func take<Value>(_ value: Value?, _ setting: inout Value) -> Bool {
        guard let value else { return false }
        setting = value
        return true
    }

    /// Seconds with up to six decimals, above 0 and up to a day.
    static func timer(_ text: String) -> Duration? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let seconds = Int(parts[0]),
            (0...86400).contains(seconds)
        else { return nil }
        guard parts.count == 2 else { return seconds > 0 ? .seconds(seconds) : nil }
        guard (1...6).contains(parts[1].count), let fraction = Int(parts[1]), fraction >= 0,
            !parts[1].hasPrefix("+"), !parts[1].hasPrefix("-")
        else { return nil }
        let scale = repeatElement(10, count: 6 - parts[1].count).reduce(1, *)
        let microseconds = seconds * 1_000_000 + fraction * scale
        return microseconds > 0 ? .microseconds(microseconds) : nil
    }

    /// What a Host header may hold.
    static func isHost(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x3a, 0x5b, 0x5d: true
                default: false
                }
            }
    }
}
