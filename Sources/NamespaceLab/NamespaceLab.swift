import Addressing
import Glibc

/// A small network in namespaces: a node, three pods on a bridge in it, and a client outside.
///
///     client ── eth0 ─ node ─ cni0 ┬─ pod1
///                                  ├─ pod2
///                                  └─ pod3
///
/// Everything in it goes when its owner does. Needs root and `ip` (iproute2).
package final class NamespaceLab {
    /// What the names of the lab's namespaces begin with.
    package let prefix: String

    package var node: String { "\(prefix)-node" }
    package var client: String { "\(prefix)-client" }

    /// Pods count from 1.
    package func pod(_ number: Int) -> String { "\(prefix)-pod\(number)" }

    private static func namespaces(_ prefix: String) -> [String] {
        ["node", "client"].map { "\(prefix)-\($0)" }
            + (1...LabAddresses.pods).map { "\(prefix)-pod\($0)" }
    }

    /// Builds the network, in place of what an earlier lab of the same prefix may have left.
    package init(prefix: String = "fairlead-\(getpid())") throws(LabError) {
        self.prefix = prefix
        Self.remove(prefix)
        do {
            try build()
        } catch {
            Self.remove(prefix)
            throw error
        }
    }

    deinit {
        Self.remove(prefix)
    }

    private static func remove(_ prefix: String) {
        for name in namespaces(prefix) where access("/run/netns/\(name)", F_OK) == 0 {
            // A namespace that stays behind is taken away by the next lab of this name.
            _ = try? LabCommand.run(["ip", "netns", "delete", name])
        }
    }

    private func build() throws(LabError) {
        for name in Self.namespaces(prefix) {
            try LabCommand.run(["ip", "netns", "add", name])
            // No waiting for duplicate addresses: nobody else is in here.
            try sysctl(
                name,
                ["net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"]
            )
            try ip(name, "link set lo up")
        }
        try sysctl(node, ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"])
        try buildBridge()
        for number in 1...LabAddresses.pods { try buildPod(number) }
        try buildClient()
        try buildUplink()
    }

    private func buildBridge() throws(LabError) {
        try ip(node, "link add cni0 type bridge")
        try ip(node, "link set cni0 up")
        for family in IPFamily.allCases {
            try address(node, "cni0", LabAddresses.bridge(family), family)
        }
        // Replies between pods pass the node's rules only so; any network plugin that bridges sets
        // it. A new namespace has it on unless the host changed the default.
        try sysctl(
            node,
            ["net.bridge.bridge-nf-call-iptables=1", "net.bridge.bridge-nf-call-ip6tables=1"]
        )
    }

    private func buildPod(_ number: Int) throws(LabError) {
        let link = "veth-pod\(number)"
        try ip(node, "link add \(link) type veth peer name eth0 netns \(pod(number))")
        try ip(node, "link set \(link) master cni0 up")
        // A pod may be its own Service's endpoint: its packets come back by the same port.
        try ip(node, "link set \(link) type bridge_slave hairpin on")
        try ip(pod(number), "link set eth0 up")
        for family in IPFamily.allCases {
            try address(pod(number), "eth0", LabAddresses.pod(number, family), family)
            try ip(
                pod(number),
                "\(flag(family)) route add default via \(LabAddresses.bridge(family))"
            )
        }
    }

    private func buildClient() throws(LabError) {
        try ip(node, "link add eth0 type veth peer name eth0 netns \(client)")
        try ip(node, "link set eth0 up")
        try ip(client, "link set eth0 up")
        for family in IPFamily.allCases {
            try address(node, "eth0", LabAddresses.node(family), family)
            try address(client, "eth0", LabAddresses.client(family), family)
            try address(client, "eth0", LabAddresses.stranger(family), family, " preferred_lft 0")
            let pods = LabAddresses.podRanges[family == .ipv4 ? 0 : 1]
            for range in [pods] + (LabAddresses.serviceRanges[family] ?? []) {
                // With a source, as the kernel might pick the second address otherwise.
                try ip(
                    client,
                    "\(flag(family)) route add \(range) via \(LabAddresses.node(family)) "
                        + "src \(LabAddresses.client(family))"
                )
            }
        }
    }

    /// A way out of the node that leads nowhere. What the node itself sends to a Service needs a
    /// route before it is translated. Through the client it must not lead: the node would tell the
    /// client of a shorter way, and such messages count against those of refused connections.
    private func buildUplink() throws(LabError) {
        try ip(node, "link add uplink type veth peer name nowhere")
        try ip(node, "link set nowhere up")
        try ip(node, "link set uplink up")
        for family in IPFamily.allCases {
            try ip(node, "\(flag(family)) route add default dev uplink")
        }
    }

    private func flag(_ family: IPFamily) -> String { family == .ipv4 ? "-4" : "-6" }

    private func address(
        _ namespace: String,
        _ link: String,
        _ address: String,
        _ family: IPFamily,
        _ more: String = ""
    ) throws(LabError) {
        let noWait = family == .ipv6 ? " nodad" : ""
        try ip(
            namespace,
            "address add \(address)/\(LabAddresses.prefixLength(family)) dev \(link)\(noWait)\(more)"
        )
    }

    private func ip(_ namespace: String, _ words: String) throws(LabError) {
        try LabCommand.run(
            ["ip", "-n", namespace] + words.split(separator: " ").map(String.init)
        )
    }

    private func sysctl(_ namespace: String, _ settings: [String]) throws(LabError) {
        try LabCommand.run(["sysctl", "-q", "-w"] + settings, in: namespace)
    }
}
