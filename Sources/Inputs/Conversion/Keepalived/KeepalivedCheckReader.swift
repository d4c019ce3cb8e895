import Addressing
import PrintableText
import ServiceModel

/// Reads the block of a checker that has an equivalent.
struct KeepalivedCheckReader {
    /// The findings about the block.
    private(set) var converted = Converted()
    private let checker: KeepalivedStatement
    private let place: KeepalivedCheck.Place
    private var settings: KeepalivedCheckSettings
    private var request = HealthCheck.Request(statuses: [200...299])
    private var port: PortNumber?
    private var namesServer = false
    private var urls = 0
    private var remark: String?

    init(
        _ checker: KeepalivedStatement,
        _ settings: KeepalivedCheckSettings,
        _ place: KeepalivedCheck.Place
    ) {
        self.checker = checker
        self.settings = settings
        self.place = place
    }

    /// Nil if keepalived ignores the checker.
    mutating func read() -> KeepalivedCheck? {
        for line in checker.block ?? [] { read(line) }
        let isHTTP = checker.keyword != "TCP_CHECK"
        guard !isHTTP || urls > 0 else {
            converted.note(
                checker.line,
                place.object,
                "\(checker.keyword): has no url with a path; keepalived ignores it, and it is left out"
            )
            return nil
        }
        if isHTTP, request.host == nil { request.host = settings.virtualHost }
        let probe: HealthCheck.Probe =
            switch checker.keyword {
            case "TCP_CHECK": .tcp
            case "HTTP_GET": .http(request)
            // keepalived trusts any certificate.
            default: .https(request, HealthCheck.TLS(verifies: false, serverName: serverName))
            }
        // Without a port only TCP ports are probed.
        let needsPort = place.transport != .tcp
        let number = port ?? place.socket.port
        let isOther = place.endpointPorts != [number]
        let timing = timing(isHTTP: isHTTP)
        return KeepalivedCheck(
            line: checker.line,
            object: place.object,
            check: HealthCheck(
                probe: probe,
                port: needsPort || isOther ? .number(number) : .endpoint,
                timing: timing,
                // keepalived removes the last real server, too.
                panic: .drop
            ),
            remark: remark
        )
    }

    private var serverName: String? {
        guard namesServer, let host = request.host, IPAddress(host) == nil, !host.contains(":")
        else { return nil }
        return host
    }

    private mutating func read(_ line: KeepalivedStatement) {
        switch line.keyword {
        case "delay_loop", "retry", "nb_get_retry", "delay_before_retry", "connect_timeout",
            "virtualhost":
            settings.read(line, place.object, &converted)
        case "connect_port":
            port = line.words.count == 2 ? Int(line.words[1]).flatMap { PortNumber($0) } : nil
            if port == nil {
                lose(line, "is not a port; the endpoint's own is probed")
            }
        case "connect_ip" where line.words.last == "\(place.socket.address)": break
        case "url" where checker.keyword != "TCP_CHECK":
            guard line.block?.contains(where: { $0.keyword == "path" }) == true else {
                converted.note(
                    line.line,
                    place.object,
                    "url: has no path; keepalived ignores it, and it is left out"
                )
                return
            }
            urls += 1
            guard urls == 1 else {
                lose(line, "a health check has one request; only the first url is asked for")
                return
            }
            for setting in line.block ?? [] { readURL(setting) }
        case "enable_sni" where checker.keyword == "SSL_GET":
            namesServer = true
        default: KeepalivedLosses.name(line, place.object, &converted)
        }
    }

    private mutating func readURL(_ line: KeepalivedStatement) {
        switch line.keyword {
        case "path":
            let path = line.words.count == 2 ? line.words[1] : ""
            let isSafe = path.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != 0x23 }
            guard path.hasPrefix("/"), isSafe, path.utf8.count <= 1024 else {
                lose(line, "is not a path such as /healthz; / is asked for")
                return
            }
            request.path = path
        case "virtualhost":
            let host = line.words.count == 2 ? line.words[1] : ""
            guard KeepalivedCheckSettings.isHost(host) else {
                lose(line, "is not a host name; it is left out")
                return
            }
            request.host = host
        case "status_code":
            let ranges = line.words.dropFirst().map(Self.statuses)
            guard (1...32).contains(ranges.count), ranges.allSatisfy({ $0 != nil }) else {
                lose(line, "is not a list of statuses and ranges; 200-299 pass")
                return
            }
            request.statuses = ranges.compactMap { $0 }
        default: KeepalivedLosses.name(line, place.object, &converted)
        }
    }

    private mutating func lose(_ line: KeepalivedStatement, _ reason: String) {
        converted.leaveOut(line.line, place.object, "\(line.title): \(reason)")
    }

    private static func statuses(_ text: String) -> ClosedRange<Int>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1],
            100 <= first, first <= last, last <= 599
        else { return nil }
        return first...last
    }

    // MARK: - Timing

    /// As many failures make an endpoint unhealthy as in keepalived, and in the same time: keepalived
    /// waits for `delay_loop` once and then for `delay_before_retry`, Fairlead each time for `interval`.
    private mutating func timing(isHTTP: Bool) -> HealthCheck.Timing {
        let retryDelay = settings.delayBeforeRetry ?? .seconds(isHTTP ? 3 : 1)
        let fall = min(settings.retries + 1, 100)
        let total = settings.delayLoop + retryDelay * (fall - 1)
        let milliseconds = Self.milliseconds(total) / Int64(fall)
        let interval = Duration.milliseconds(min(max(milliseconds, 100), 3_600_000))
        if interval != settings.delayLoop {
            remark =
                "probed every \(Self.milliseconds(interval)) ms: \(fall) failures take as long as with delay_loop and delay_before_retry"
        }
        let timeout = Self.milliseconds(settings.connectTimeout)
        let limit = min(Self.milliseconds(interval), 60000)
        if timeout > limit {
            converted.leaveOut(
                checker.line,
                place.object,
                "connect_timeout is longer than \(limit) ms, the interval or the most; that is used"
            )
        }
        return HealthCheck.Timing(
            interval: interval,
            timeout: .milliseconds(min(max(timeout, 10), limit)),
            rise: 1,
            fall: fall
        )
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
