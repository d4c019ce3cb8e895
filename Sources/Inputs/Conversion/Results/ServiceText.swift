import Addressing
import ServiceModel

extension ConvertedService {
    /// An element of a `services:` list (docs/services.md), without what is the default.
    package var text: String {
        var lines = ["name: \(name)"]
        lines += addresses
        lines += portLines
        lines += settings
        lines += endpointLines
        return lines.enumerated().map { ($0 == 0 ? "  - " : "    ") + $1 + "\n" }.joined()
    }

    private var name: String {
        let name = service.name
        return Self.scalar(name.namespace == "default" ? name.name : "\(name)")
    }

    private var addresses: [String] {
        let own = service.clusterIPs
        var lines: [String] = []
        if own.count == 1 { lines.append("address: \(Self.address(own[0]))") }
        if own.count > 1 { lines.append("addresses: \(Self.list(own.map(Self.address)))") }
        if !service.externalIPs.isEmpty {
            lines.append("externalIPs: \(Self.list(service.externalIPs.map(Self.address)))")
        }
        let balancer = service.loadBalancerAddresses.map(Self.address)
        if !balancer.isEmpty {
            var fields = [("addresses", Self.list(balancer))]
            let ranges = service.loadBalancerSourceRanges.map { Self.quoted("\($0)") }
            if !ranges.isEmpty { fields.append(("sourceRanges", Self.list(ranges))) }
            lines.append("loadBalancer: \(Self.mapping(fields))")
        }
        return lines
    }

    private var portLines: [String] {
        let ports = zip(service.ports, targets).map { port, target in
            var fields: [(String, String)] = []
            if !port.name.isEmpty { fields.append(("name", Self.scalar(port.name))) }
            fields.append(("port", "\(port.port)"))
            if target != port.port { fields.append(("targetPort", "\(target)")) }
            if port.transport != .tcp { fields.append(("protocol", port.transport.rawValue)) }
            if let nodePort = port.nodePort { fields.append(("nodePort", "\(nodePort)")) }
            return Self.mapping(fields)
        }
        guard ports.count != 1 else { return ["ports: [\(ports[0])]"] }
        return ["ports:"] + ports.map { "  - \($0)" }
    }

    private var settings: [String] {
        var lines: [String] = []
        if case .clientIP(let seconds) = service.sessionAffinity {
            lines.append("sessionAffinity: {clientIP: {timeoutSeconds: \(seconds)}}")
        }
        if service.externalTrafficPolicy == .local { lines.append("externalTrafficPolicy: Local") }
        if service.internalTrafficPolicy == .local { lines.append("internalTrafficPolicy: Local") }
        if let port = service.healthCheckNodePort { lines.append("healthCheckNodePort: \(port)") }
        if let scheduler = service.scheduler { lines.append("scheduler: \(scheduler.rawValue)") }
        if service.forwarding != .nat { lines.append("forwarding: \(service.forwarding.rawValue)") }
        if let check = service.healthCheck { lines.append("healthCheck: \(check.text)") }
        return lines
    }

    private var endpointLines: [String] {
        guard !members.isEmpty else { return [] }
        return ["endpoints:"]
            + members.map { member in
                let endpoint = member.endpoint
                var fields = [("address", Self.address(endpoint.address))]
                if let port = member.port { fields.append(("port", "\(port)")) }
                if endpoint.weight != EndpointWeight.standard {
                    fields.append(("weight", "\(endpoint.weight)"))
                }
                if let node = endpoint.nodeName { fields.append(("node", Self.scalar(node))) }
                if let zone = endpoint.zone { fields.append(("zone", Self.scalar(zone))) }
                if endpoint.ready == endpoint.terminating {
                    fields.append(("ready", "\(endpoint.ready)"))
                }
                if !endpoint.serving { fields.append(("serving", "false")) }
                if endpoint.terminating { fields.append(("terminating", "true")) }
                return "  - \(Self.mapping(fields))"
            }
    }
}

extension HealthCheck {
    /// A flow mapping, without what is the default.
    fileprivate var text: String {
        var fields = [probe.field]
        switch port {
        case .endpoint: break
        case .number(let number): fields.append(("port", "\(number)"))
        case .named(let name): fields.append(("port", ConvertedService.scalar(name)))
        }
        fields.append(("interval", timing.interval.text))
        fields.append(("timeout", timing.timeout.text))
        fields.append(("rise", "\(timing.rise)"))
        fields.append(("fall", "\(timing.fall)"))
        if panic != .keep { fields.append(("panic", panic.rawValue)) }
        return ConvertedService.mapping(fields)
    }
}

extension HealthCheck.Probe {
    fileprivate var field: (String, String) {
        switch self {
        case .tcp: return ("tcp", "{}")
        case .http(let request): return ("http", ConvertedService.mapping(request.fields))
        case .https(let request, let tls):
            var fields = request.fields
            if !tls.verifies { fields.append(("verify", "false")) }
            if let name = tls.serverName {
                fields.append(("serverName", ConvertedService.scalar(name)))
            }
            return ("https", ConvertedService.mapping(fields))
        }
    }
}

extension HealthCheck.Request {
    fileprivate var fields: [(String, String)] {
        var fields = [("path", ConvertedService.scalar(path))]
        if let host { fields.append(("host", ConvertedService.scalar(host))) }
        let texts = statuses.map { range in
            range.count == 1
                ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
        }
        if statuses != [200...399] { fields.append(("status", ConvertedService.list(texts))) }
        return fields
    }
}

extension Duration {
    /// Whole milliseconds in the largest unit that shows them all: `6s`, `3750ms`.
    fileprivate var text: String {
        let (seconds, attoseconds) = components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        return milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
    }
}

// MARK: - YAML

extension ConvertedService {
    /// An address is only text for certain without colons.
    fileprivate static func address(_ address: IPAddress) -> String {
        address.family == .ipv4 ? "\(address)" : quoted("\(address)")
    }

    fileprivate static func list(_ texts: [String]) -> String {
        "[\(texts.joined(separator: ", "))]"
    }

    fileprivate static func mapping(_ fields: [(String, String)]) -> String {
        "{\(fields.map { "\($0.0): \($0.1)" }.joined(separator: ", "))}"
    }

    /// In quotes unless the text means itself without.
    fileprivate static func scalar(_ text: String) -> String {
        let words: Set = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x2f, 0x5f: true
            default: false
            }
        }
        let begins = text.utf8.first.map { (0x61...0x7a).contains($0) || $0 == 0x2f } ?? false
        return isPlain && begins && !words.contains(text) ? text : quoted(text)
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case " "..."~": result.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16)
                result += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
            }
        }
        return result + "\""
    }
}
