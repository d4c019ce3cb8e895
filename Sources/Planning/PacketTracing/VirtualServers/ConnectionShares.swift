import DataplaneModel

/// How a virtual server distributes new connections over its real servers, according to its
/// scheduler.
struct ConnectionShares {
    /// The part of one real server.
    struct Part {
        var server: RealServer
        /// Share of the new connections, in 0...1; those to a real server of weight 0 are refused.
        var fraction: Double
    }

    /// The real servers that get connections, by address; empty if none does.
    let parts: [Part]
    /// What the shares do not show.
    let notes: [String]

    init(of server: VirtualServer) {
        let all = server.sortedRealServers
        let active = all.filter { $0.weight > 0 }
        guard !active.isEmpty else {
            (parts, notes) = ([], [])
            return
        }
        let name = server.scheduler.text
        switch name {
        case "rr", "lc": (parts, notes) = (Self.equal(active), [])
        case "wrr", "wlc", "sed", "nq", "twos": (parts, notes) = (Self.weighted(active), [])
        case "lblc", "lblcr":
            parts = Self.weighted(active)
            notes = ["\(name) keeps connections to one destination together until overload"]
        case "sh":
            // A real server of weight 0 still gets one turn in the table (`ip_vs_sh_reassign`).
            parts = Self.divided(all) { Double(max(1, $0.weight)) }
            notes = [Self.hashing(server)]
        case "mh":
            parts = Self.weighted(active)
            notes = [Self.hashing(server)] + Self.draining(all)
        case "dh":
            parts = Self.equal(all)
            notes = ["dh gives all connections to \(server.key) to a single real server"]
        case "fo", "ovf":
            let top = active.map(\.weight).max()
            parts = Self.equal(active.filter { $0.weight == top })
            notes = [Self.favourite(name, amongSeveral: parts.count > 1)]
        default:
            parts = Self.weighted(active)
            notes = ["unknown scheduler \(name); the shares follow the weights"]
        }
    }

    private static func divided(
        _ servers: [RealServer],
        by size: (RealServer) -> Double
    ) -> [Part] {
        let total = servers.reduce(0) { $0 + size($1) }
        return servers.map { Part(server: $0, fraction: size($0) / total) }
    }

    private static func equal(_ servers: [RealServer]) -> [Part] { divided(servers) { _ in 1 } }

    private static func weighted(_ servers: [RealServer]) -> [Part] {
        divided(servers) { Double($0.weight) }
    }

    private static func hashing(_ server: VirtualServer) -> String {
        let key = server.hashesSourcePort ? "client address and port" : "client address"
        return "\(server.scheduler) gives one \(key) always to the same real server;"
            + " the shares are those of many clients"
    }

    /// The kernel keeps the last non-zero weight in the table (`last_weight`).
    private static func draining(_ servers: [RealServer]) -> [String] {
        servers.contains { $0.weight == 0 }
            ? ["mh refuses the clients of a real server whose weight became 0"] : []
    }

    private static func favourite(_ name: String, amongSeveral: Bool) -> String {
        let most = "\(name) gives all connections to the highest weight"
        // The kernel inserts a new real server at the head of its list.
        let which = amongSeveral ? ", here to the one added last" : ""
        let until = name == "ovf" ? ", until it has more active connections than its weight" : ""
        return most + which + until
    }
}
