import HostFacts

extension KernelCapabilities {
    /// Whether this namespace's connection tracking is nearly full, which breaks connections in every
    /// mode.
    mutating func checkConntrackRoom() {
        func number(_ name: String) -> Int? {
            (try? Sysctl.read("net.netfilter.\(name)")).flatMap { Int($0) }
        }
        // Zero means no limit.
        guard let limit = number("nf_conntrack_max"), limit > 0,
            let count = number("nf_conntrack_count"), count * 10 >= limit * 9
        else { return }
        add(
            .note,
            "net.netfilter.nf_conntrack_max",
            "\(count) of \(limit) entries in use: from 95 % on the kernel drops entries of connections being opened, which are then reset or time out; in the host's own network namespace: sysctl -w net.netfilter.nf_conntrack_max=\(4 * limit)"
        )
    }
}
