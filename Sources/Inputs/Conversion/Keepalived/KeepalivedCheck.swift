import Addressing
import PrintableText
import ServiceModel

/// A checker of a real server as a health check.
struct KeepalivedCheck {
    /// Where checkers stand.
    struct Place {
        var object: String
        var socket: SocketAddress
        /// Where the endpoint is used: not at the port of `socket`, unless addresses are translated.
        var endpointPorts: Set<PortNumber>
        var transport: TransportProtocol
    }

    var line: Int
    /// The real server that it is of.
    var object: String
    var check: HealthCheck
    /// What is worth knowing about its timing.
    var remark: String?

    /// The first checker that has an equivalent; the others are findings.
    static func first(
        of checkers: [KeepalivedStatement],
        _ settings: KeepalivedCheckSettings,
        _ place: Place,
        _ converted: inout Converted
    ) -> KeepalivedCheck? {
        var found: KeepalivedCheck?
        for checker in checkers {
            guard ["TCP_CHECK", "HTTP_GET", "SSL_GET"].contains(checker.keyword) else {
                converted.leaveOut(
                    checker.line,
                    place.object,
                    "\(printable(checker.keyword)): no equivalent; the endpoint is not probed in this way"
                )
                continue
            }
            guard found == nil else {
                converted.leaveOut(
                    checker.line,
                    place.object,
                    "\(checker.keyword): a Service has one health check, that of line \(found?.line ?? 0)"
                )
                continue
            }
            var reader = KeepalivedCheckReader(checker, settings, place)
            found = reader.read()
            converted.findings += reader.converted.findings
        }
        return found
    }

    /// The health check that all real servers have; what differs from the first is a finding.
    static func common(
        _ checks: [KeepalivedCheck?],
        _ key: VirtualServerPart.Key,
        _ converted: inout Converted
    ) -> HealthCheck? {
        guard let first = checks.lazy.compactMap({ $0 }).first else { return nil }
        if let remark = first.remark { converted.note(first.line, "\(key)", remark) }
        for case let other? in checks where other.check != first.check {
            converted.leaveOut(
                other.line,
                other.object,
                "its checker differs from that of line \(first.line), which holds for all"
            )
        }
        let unchecked = checks.count { $0 == nil }
        if unchecked > 0 {
            converted.leaveOut(
                first.line,
                "\(key)",
                "\(unchecked) of \(checks.count) real servers have no such checker; all are probed by this one"
            )
        }
        return first.check
    }
}
