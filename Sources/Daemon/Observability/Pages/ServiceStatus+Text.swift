import Dataplane
import PrintableText

extension ServiceStatus {
    /// As text.
    package var text: String {
        var lines = ["\(name), \(kind), from \(origin)"]
        for port in ports { lines += Self.lines(port) }
        for issue in issues { lines.append("issue: \(issue)") }
        for part in objects where !part.text.isEmpty {
            lines.append("")
            lines.append("\(part.family) kernel objects, as planned for this Service alone:")
            lines += part.text.split(separator: "\n").map { "  \($0)" }
        }
        return lines.map { printable($0, limit: .max) }.joined(separator: "\n") + "\n"
    }

    private static func lines(_ port: Port) -> [String] {
        var lines = ["", "\(port.family)\(port.name.isEmpty ? "" : ", port \(port.name)")"]
        for frontend in port.frontends {
            lines.append("  \(frontend.kind) \(frontend.address), policy \(frontend.policy)")
        }
        if port.endpoints.isEmpty { lines.append("  no endpoints") }
        lines += TextTable(port.endpoints.map { ["  → \($0.address)", words($0)] }).lines
        if let traffic = port.traffic { lines.append("  traffic: \(words(traffic))") }
        return lines
    }

    private static func words(_ endpoint: Endpoint) -> String {
        var words: [String] = []
        switch (endpoint.cluster, endpoint.local) {
        case (let cluster?, let local?) where cluster != local:
            words = ["Cluster: \(cluster)", "Local: \(local)"]
        case (let only?, _), (nil, let only?): words = [only]
        case (nil, nil): words = ["not used"]
        }
        if let health = endpoint.health { words.append(Self.words(health, after: words)) }
        if let node = endpoint.node { words.append("node \(node)") }
        if let zone = endpoint.zone { words.append("zone \(zone)") }
        if endpoint.weight != 1 { words.append("weight \(endpoint.weight)") }
        return words.joined(separator: ", ")
    }

    /// With the last error, unless it is among `reasons`.
    private static func words(_ health: Health, after reasons: [String]) -> String {
        let verdict = health.verdict == "unknown" ? "health not known yet" : health.verdict
        let since = "\(verdict) for \(DaemonStatus.age(health.seconds))"
        guard let error = health.lastError, !reasons.contains(where: { $0.hasSuffix(error) }) else {
            return since
        }
        return "\(since) (last probe: \(error))"
    }

    private static func words(_ traffic: PortTraffic) -> String {
        var words = traffic.connections.map { [counted($0, "connection")] } ?? []
        words += [counted(traffic.packets, "packet"), counted(traffic.bytes, "byte")]
        let refusals = [
            (traffic.rejected, "rejected"), (traffic.dropped, "dropped"),
            (traffic.notAllowed, "not allowed"),
        ]
        words += refusals.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        return words.joined(separator: ", ")
    }
}
