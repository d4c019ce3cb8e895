/// Entries of connection tracking that go on leading UDP to endpoints that are gone: a client that keeps its port would
/// never reach another.
package enum StaleFlows {
    /// - Parameters:
    ///   - text: what `conntrack -L -p udp` prints.
    ///   - frontends: the number of each Service by `address port`.
    ///   - endpoints: the number of each pod in the same way.
    ///   - history: its end counts.
    /// - Returns: their lines.
    package static func find(
        in text: String,
        frontends: [String: Int],
        endpoints: [String: Int],
        _ history: EndpointHistory
    ) -> [String] {
        text.split(separator: "\n").compactMap { line in
            // udp 17 29 src=A dst=FRONTEND sport=1 dport=53 src=ENDPOINT dst=A sport=5353 dport=1 …
            var values: [Substring: [Substring]] = [:]
            for word in line.split(separator: " ") {
                let parts = word.split(separator: "=", maxSplits: 1)
                if parts.count == 2 { values[parts[0], default: []].append(parts[1]) }
            }
            guard let address = values["dst"]?.first, let port = values["dport"]?.first,
                let service = frontends["\(address) \(port)"],
                let sources = values["src"], let ports = values["sport"],
                sources.count == 2, ports.count == 2,
                let pod = endpoints["\(sources[1]) \(ports[1])"],
                !history.now(of: service).contains(pod)
            else { return nil }
            return String(line)
        }
    }
}
