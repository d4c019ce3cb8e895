import Addressing

/// The commands that make a lab of a shape, in order. Pure: `fairlead-lab up --explain` prints what
/// the other commands run.
///
///     client ──┐            ┌─ pod1
///              net ── node1 ┼─ pod2
///               │           └─ pod3
///               └──── node2 ── …
package struct LabPlan: Sendable {
    package let shape: LabShape
    package private(set) var steps: [LabStep] = []

    /// `loadsBridgeNetfilter`: the host's kernel has its br_netfilter as a module, not loaded yet.
    package init(_ shape: LabShape, loadsBridgeNetfilter: Bool = false) {
        self.shape = shape
        if loadsBridgeNetfilter, shape.topology != .routed {
            add(
                .modprobe,
                nil,
                "br_netfilter",
                "Let packets between ports of a bridge pass the rules."
            )
        }
        for namespace in shape.namespaces {
            ip(nil, "netns add \(namespace)", "A network stack of its own for each.")
        }
        for namespace in shape.namespaces.dropFirst() { addCommonSettings(namespace) }
        addSwitch()
        for node in shape.nodeNumbers { addNode(node) }
        for pod in shape.pods { addPod(pod) }
        addClient()
    }

    // MARK: - Adding steps

    mutating func add(_ tool: LabStep.Tool, _ namespace: String?, _ words: String, _ why: String) {
        steps.append(LabStep(namespace: namespace, tool: tool, words: words, why: why))
    }

    mutating func ip(_ namespace: String?, _ words: String, _ why: String) {
        add(.ip, namespace, words, why)
    }

    mutating func sysctl(_ namespace: String, _ settings: [String], _ why: String) {
        add(.sysctl, namespace, settings.joined(separator: " "), why)
    }

    mutating func address(
        _ namespace: String,
        _ link: String,
        _ address: String,
        _ length: Int,
        _ why: String,
        _ more: String = ""
    ) {
        // Without duplicate address detection: no other host is in here.
        let noWait = address.contains(":") ? " nodad" : ""
        ip(namespace, "address add \(address)/\(length) dev \(link)\(noWait)\(more)", why)
    }

    // MARK: - Every namespace

    private mutating func addCommonSettings(_ namespace: String) {
        var settings: [String] = []
        if shape.families.contains(.ipv6) {
            settings += ["net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"]
        }
        for (family, name) in [(IPFamily.ipv4, "ipv4"), (.ipv6, "ipv6")]
        where shape.families.contains(family) {
            settings += ["all", "default"].map { "net.\(name).conf.\($0).accept_redirects=0" }
        }
        sysctl(namespace, settings, "Addresses can be used at once, and redirects are ignored.")
    }

    mutating func addLoopback(_ namespace: String) {
        ip(namespace, "link set lo up", "A namespace begins with its loopback down.")
    }

    // MARK: - The network of nodes and client

    private mutating func addSwitch() {
        let why = "The switch of the nodes and the client."
        ip(shape.network, "link add lan0 type bridge", why)
        ip(shape.network, "link set lan0 up", why)
        for member in shape.nodeNumbers.map({ "node\($0)" }) + ["client"] {
            let why = "A veth pair from \(member) to the switch."
            ip(
                shape.network,
                "link add \(member) type veth peer name eth0 netns \(shape.namespace(member))",
                why
            )
            ip(shape.network, "link set \(member) master lan0 up", why)
        }
    }

    private mutating func addClient() {
        let client = shape.client
        addLoopback(client)
        ip(client, "link set eth0 up", "The client, somewhere outside.")
        for family in shape.families {
            let length = LabAddresses.prefixLength(family)
            let own = LabAddresses.client(family)
            address(client, "eth0", own, length, "The client, somewhere outside.")
            address(
                client,
                "eth0",
                LabAddresses.otherClient(family),
                length,
                "A second client address, for source ranges.",
                " preferred_lft 0"
            )
            // With a source, as the kernel might pick the second address otherwise.
            for node in shape.nodeNumbers {
                ip(
                    client,
                    "route add \(LabAddresses.podRange(family, node: node)) "
                        + "via \(LabAddresses.node(family, node)) src \(own)",
                    "The pods of node\(node) are behind it."
                )
            }
            for range in LabAddresses.serviceRanges(family) {
                ip(
                    client,
                    "route add \(range) via \(LabAddresses.node(family)) src \(own)",
                    "No host has a Service address: any node can translate it."
                )
            }
        }
    }

    // MARK: - A node

    private mutating func addNode(_ number: Int) {
        let node = shape.node(number)
        addNodeSettings(node)
        addLoopback(node)
        ip(node, "link set eth0 up", "The node on the nodes' network.")
        for family in shape.families {
            address(
                node,
                "eth0",
                LabAddresses.node(family, number),
                LabAddresses.prefixLength(family),
                "The node on the nodes' network."
            )
        }
        switch shape.topology {
        case .bridge:
            addBridge(number)
            addRoutesOverTheNetwork(number)
        case .routed:
            addRoutedPods(number)
            addRoutesOverTheNetwork(number)
        case .vxlan:
            addBridge(number)
            addTunnel(number)
        }
        addUplink(node)
    }

    private mutating func addNodeSettings(_ node: String) {
        var settings: [String] = []
        if shape.families.contains(.ipv4) {
            settings += [
                "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0",
                "net.ipv4.conf.default.send_redirects=0", "net.ipv4.icmp_ratelimit=0",
            ]
        }
        if shape.families.contains(.ipv6) {
            settings += ["net.ipv6.conf.all.forwarding=1", "net.ipv6.icmp.ratelimit=0"]
        }
        sysctl(node, settings, "The node is a router, and does not limit the rate of ICMP errors.")
    }

    private mutating func addRoutesOverTheNetwork(_ number: Int) {
        for family in shape.families {
            for other in shape.nodeNumbers where other != number {
                ip(
                    shape.node(number),
                    "route add \(LabAddresses.podRange(family, node: other)) "
                        + "via \(LabAddresses.node(family, other))",
                    "The pods of node\(other) are behind it."
                )
            }
        }
    }

    /// A default route that leads nowhere. What the node itself sends to a Service needs a route
    /// before it is translated. It must not lead through the client: the node would send redirects,
    /// which count towards the same rate limit as the errors for refused connections.
    private mutating func addUplink(_ node: String) {
        let why = "What the node sends to a Service needs some route before it is translated."
        ip(node, "link add uplink type veth peer name nowhere", why)
        ip(node, "link set nowhere up", why)
        ip(node, "link set uplink up", why)
        for family in shape.families {
            ip(node, "route add \(family == .ipv4 ? "0.0.0.0/0" : "::/0") dev uplink", why)
        }
    }
}
