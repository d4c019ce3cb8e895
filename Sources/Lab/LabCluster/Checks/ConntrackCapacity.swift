package import NamespaceLab

/// Whether the nodes' connection tracking has room for the connections of a check.
///
/// At 95 % of `nf_conntrack_max` the kernel begins to drop entries of connections that are being
/// opened (`gc_worker` and `early_drop` of nf_conntrack_core.c). The rest of such a connection is
/// translated anew, to another source port or endpoint, which resets it. A table that is full of
/// established ones lets no new connection in.
package struct ConntrackCapacity: Sendable {
    /// Entries that a namespace may have; the same for all.
    package let limit: Int
    /// What a node has before the check, by its number.
    package let used: [Int: Int]

    package init(limit: Int, used: [Int: Int]) {
        self.limit = limit
        self.used = used
    }

    /// Rounded as the kernel does.
    private static func threshold(_ limit: Int) -> Int { limit / 100 * 95 }

    /// From the sysctls of each node; nil where the kernel tracks no connections. Throws if `sysctl`
    /// cannot be run.
    static func observe(_ shape: LabShape) throws(LabError) -> ConntrackCapacity? {
        var limit: Int?
        var used: [Int: Int] = [:]
        for node in shape.nodeNumbers {
            let (output, status) = try LabCommand.result(
                [
                    "sysctl", "-n", "net.netfilter.nf_conntrack_max",
                    "net.netfilter.nf_conntrack_count",
                ],
                in: shape.node(node)
            )
            let numbers = output.split(separator: "\n").compactMap { Int($0) }
            guard status == 0, numbers.count == 2 else { return nil }
            limit = numbers[0]
            used[node] = numbers[1]
        }
        return limit.map { ConntrackCapacity(limit: $0, used: used) }
    }

    /// A warning before so many connections through the lab; nil if there is room. The number of
    /// entries is an upper bound: every connection at every node, and through a tunnel once more,
    /// as the packets around it are tracked too.
    package func warning(before connections: Int, in topology: LabShape.Topology) -> String? {
        // Zero means no limit.
        guard limit > 0 else { return nil }
        let entries = topology == .vxlan ? 2 * connections : connections
        let tight = used.filter { $0.value + entries > Self.threshold(limit) }
        guard let most = tight.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) else {
            return nil
        }
        var enough = 1024
        while most.value + entries > Self.threshold(enough) { enough *= 2 }
        return """
            note: node\(most.key) has \(most.value) of at most \(limit) conntrack entries, and this check \
            makes up to \(entries) more.
              From 95 % on the kernel drops entries of connections that are being opened, and those \
            are reset or time out.
              sysctl -w net.netfilter.nf_conntrack_max=\(enough)

            """
    }
}
