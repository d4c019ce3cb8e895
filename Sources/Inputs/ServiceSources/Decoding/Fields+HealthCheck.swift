import Addressing
import AnnotatedYAML
import PrintableText
import ServiceModel

extension Fields {
    /// The fields of a `healthCheck`. `ports` are the ports of its Service.
    func healthCheck(ports: [ServicePort]) throws(FieldError) -> HealthCheck {
        try refuseUnknown([
            "tcp", "http", "https", "port", "interval", "timeout", "rise", "fall", "panic",
        ])
        return HealthCheck(
            probe: try probe(),
            port: try probedPort(ports),
            timing: try timing(),
            panic: try choice("panic", of: HealthCheck.Panic.self) ?? .keep
        )
    }

    /// The health check in an object's annotation; nil without the annotation.
    func annotatedHealthCheck(ports: [ServicePort]) throws(FieldError) -> HealthCheck? {
        let name = HealthCheck.annotation
        guard let annotations = try fields("metadata")?.fields("annotations"),
            let text = try annotations.string(name)
        else { return nil }
        guard text.utf8.count <= 4096 else {
            throw annotations.error(name, "is longer than 4096 bytes")
        }
        let documents = YAMLText.documents(text)
        guard documents.count == 1, let document = documents.first else {
            throw annotations.error(name, "must be one mapping such as {tcp: {}}")
        }
        do throws(FieldError) {
            return try Fields(document.get()).healthCheck(ports: ports)
        } catch {
            // Line numbers inside the annotation are not line numbers of the file.
            throw annotations.error(name, error.description)
        }
    }

    // MARK: - Probe

    private func probe() throws(FieldError) -> HealthCheck.Probe {
        let kinds = ["tcp", "http", "https"].filter(names.contains)
        guard kinds.count == 1, let kind = kinds.first else {
            throw FieldError(line: line, path: path, reason: "give one of tcp, http, https")
        }
        // `http:` without a value selects the defaults.
        let absent = YAMLValue(line: line(of: kind), content: .mapping([]))
        let nested = try Fields(
            value(kind) ?? absent,
            path: path.isEmpty ? kind : "\(path).\(kind)"
        )
        switch kind {
        case "tcp":
            try nested.refuseUnknown([])
            return .tcp
        case "http":
            try nested.refuseUnknown(["path", "host", "status"])
            return .http(try nested.request())
        default:
            try nested.refuseUnknown(["path", "host", "status", "verify", "serverName"])
            let tls = HealthCheck.TLS(
                verifies: try nested.boolean("verify") ?? true,
                serverName: try nested.hostName("serverName")
            )
            return .https(try nested.request(), tls)
        }
    }

    /// Rejects anything that could end a request line or a header.
    private func request() throws(FieldError) -> HealthCheck.Request {
        var request = HealthCheck.Request()
        if let path = try string("path") {
            let isSafe = path.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != 0x23 }
            guard path.hasPrefix("/"), isSafe, path.utf8.count <= 1024 else {
                throw error("path", "\(quoted(path)) is not a path such as /healthz")
            }
            request.path = path
        }
        request.host = try hostHeader()
        if let statuses = try statuses() { request.statuses = statuses }
        return request
    }

    private func hostHeader() throws(FieldError) -> String? {
        guard let text = try string("host") else { return nil }
        let isSafe = text.utf8.allSatisfy { isHostByte($0) || [0x3a, 0x5b, 0x5d].contains($0) }
        guard isSafe, (1...255).contains(text.utf8.count) else {
            throw error("host", "\(quoted(text)) is not a host name")
        }
        return text
    }

    /// A DNS name: TLS server names cannot be addresses.
    private func hostName(_ name: String) throws(FieldError) -> String? {
        guard let text = try string(name) else { return nil }
        guard text.utf8.allSatisfy(isHostByte), (1...253).contains(text.utf8.count),
            IPAddress(text) == nil
        else { throw error(name, "\(quoted(text)) is not a DNS name") }
        return text
    }

    /// `200`, `200-399` or a list of these.
    private func statuses() throws(FieldError) -> [ClosedRange<Int>]? {
        guard let value = value("status") else { return nil }
        let texts: [String]
        if case .scalar(let text, _) = value.content {
            texts = [text]
        } else {
            texts = try strings("status").map(\.text)
        }
        guard (1...32).contains(texts.count) else {
            throw error("status", "must be 1 to 32 statuses")
        }
        var ranges: [ClosedRange<Int>] = []
        for text in texts {
            let ends = text.split(separator: "-", omittingEmptySubsequences: false)
                .map { $0.utf8.count == 3 ? Int($0) : nil }
            guard (1...2).contains(ends.count), let first = ends[0],
                let last = ends[ends.count - 1], 100 <= first, first <= last, last <= 599
            else {
                throw error(
                    "status",
                    "\(quoted(text)) is not a status or range within 100 to 599, such as 200-399"
                )
            }
            ranges.append(first...last)
        }
        return ranges
    }

    // MARK: - Port and timing

    private func probedPort(_ ports: [ServicePort]) throws(FieldError) -> HealthCheck.Port {
        guard let text = try string("port") else { return .endpoint }
        if case .integer = value("port")?.resolved, let port = try port("port") {
            return .number(port)
        }
        guard !text.isEmpty, ports.contains(where: { $0.name == text }) else {
            throw error("port", "\(quoted(text)) is neither a number nor a port of the Service")
        }
        return .named(text)
    }

    private func timing() throws(FieldError) -> HealthCheck.Timing {
        var timing = HealthCheck.Timing()
        let intervals = Duration.milliseconds(100) ... .seconds(3600)
        timing.interval = try duration("interval", in: intervals) ?? timing.interval
        timing.timeout = min(timing.timeout, timing.interval)
        let timeouts = Duration.milliseconds(10) ... .seconds(60)
        timing.timeout = try duration("timeout", in: timeouts) ?? timing.timeout
        guard timing.timeout <= timing.interval else {
            throw error("timeout", "is longer than the interval")
        }
        timing.rise = try integer("rise", in: 1...100) ?? timing.rise
        timing.fall = try integer("fall", in: 1...100) ?? timing.fall
        return timing
    }
}

/// Letters, digits, `-`, `.` and `_`.
private func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f: true
    default: false
    }
}
