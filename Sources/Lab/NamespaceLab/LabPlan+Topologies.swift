import Addressing

extension LabPlan {
    /// 1500 less VXLAN's headers: over IPv4 50 bytes, over IPv6 70 (RFC 7348).
    private var podMTU: Int {
        guard shape.topology == .vxlan else { return 1500 }
        return shape.families.contains(.ipv4) ? 1450 : 1430
    }

    // MARK: - A bridge on each node

    mutating func addBridge(_ number: Int) {
        let node = shape.node(number)
        let why = "The bridge of node\(number)'s pods."
        ip(node, "link add cni0 type bridge", why)
        ip(node, "link set cni0 up", why)
        for family in shape.families {
            address(
                node,
                "cni0",
                LabAddresses.bridge(family, node: number),
                LabAddresses.prefixLength(family),
                "The gateway of node\(number)'s pods."
            )
        }
        sysctl(
            node,
            ["net.bridge.bridge-nf-call-iptables=1", "net.bridge.bridge-nf-call-ip6tables=1"],
            "Replies between pods on one bridge must pass the rules, to be translated back."
        )
        for pod in shape.pods(onNode: number) {
            let link = "veth-\(pod.name)"
            let why = "A veth pair from the bridge to \(pod.name)."
            ip(
                node,
                "link add \(link) type veth peer name eth0 netns \(shape.pod(pod.number))",
                why
            )
            ip(node, "link set \(link) mtu \(podMTU) master cni0 up", why)
            ip(
                node,
                "link set \(link) type bridge_slave hairpin on",
                "A pod may be its own Service's endpoint: its packets come back by the same port."
            )
        }
    }

    // MARK: - A route for each pod

    mutating func addRoutedPods(_ number: Int) {
        let node = shape.node(number)
        var settings: [String] = []
        for pod in shape.pods(onNode: number) {
            let link = "veth-\(pod.name)"
            let why = "A veth pair from node\(number) to \(pod.name)."
            ip(
                node,
                "link add \(link) type veth peer name eth0 netns \(shape.pod(pod.number))",
                why
            )
            ip(node, "link set \(link) up", why)
            for family in shape.families {
                let length = family.bitWidth
                ip(
                    node,
                    "route add \(pod.address(family))/\(length) dev \(link) "
                        + "src \(LabAddresses.node(family, number))",
                    "\(pod.name) is at the other end."
                )
            }
            if shape.families.contains(.ipv6) {
                address(node, link, "fe80::1", 64, "Every pod's gateway has the same address.")
            }
            settings += [
                "net.ipv4.conf.\(link).proxy_arp=1", "net.ipv4.neigh.\(link).proxy_delay=0",
            ]
        }
        guard shape.families.contains(.ipv4) else { return }
        sysctl(
            node,
            settings,
            "The node answers ARP requests for the gateway, an address that no host has."
        )
    }

    // MARK: - A tunnel between the nodes

    mutating func addTunnel(_ number: Int) {
        let node = shape.node(number)
        // The outer packets are of one family.
        let outer = shape.families[0]
        let why = "One end of the tunnel to all other nodes."
        ip(
            node,
            "link add vxlan0 type vxlan id 1 dstport 4789 "
                + "local \(LabAddresses.node(outer, number)) dev eth0 nolearning",
            why
        )
        ip(node, "link set vxlan0 address \(Self.tunnelMAC(number)) mtu \(podMTU) up", why)
        for family in shape.families {
            address(
                node,
                "vxlan0",
                LabAddresses.tunnel(family, node: number),
                family.bitWidth,
                "node\(number) in the tunnel."
            )
        }
        for other in shape.nodeNumbers where other != number {
            addRoute(to: other, from: node, outer)
        }
    }

    private mutating func addRoute(to other: Int, from node: String, _ outer: IPFamily) {
        let mac = Self.tunnelMAC(other)
        add(
            .bridge,
            node,
            "fdb append \(mac) dev vxlan0 dst \(LabAddresses.node(outer, other))",
            "Frames for node\(other) go to its address on the nodes' network."
        )
        for family in shape.families {
            ip(
                node,
                "neighbour add \(LabAddresses.tunnel(family, node: other)) lladdr \(mac) "
                    + "dev vxlan0 nud permanent",
                "Neighbours behind the tunnel are permanent: nothing is resolved through it."
            )
        }
        for family in shape.families {
            ip(
                node,
                "route add \(LabAddresses.podRange(family, node: other)) "
                    + "via \(LabAddresses.tunnel(family, node: other)) dev vxlan0 onlink",
                "The pods of node\(other) are behind its end of the tunnel."
            )
        }
    }

    private static func tunnelMAC(_ node: Int) -> String { "02:00:00:00:00:0\(node)" }

    // MARK: - A pod

    mutating func addPod(_ pod: LabPod) {
        let namespace = shape.pod(pod.number)
        addLoopback(namespace)
        let why = "\(pod.name), with an address of its own."
        ip(namespace, "link set eth0 mtu \(podMTU) up", why)
        for family in shape.families {
            let isRouted = shape.topology == .routed
            let length = isRouted ? family.bitWidth : LabAddresses.prefixLength(family)
            address(namespace, "eth0", pod.address(family), length, why)
            switch (isRouted, family) {
            case (false, _):
                ip(
                    namespace,
                    "route add default via \(LabAddresses.bridge(family, node: pod.node))",
                    "Everything beyond the bridge is behind the node."
                )
            case (true, .ipv4):
                let why = "A gateway address that no host has: the node answers for it."
                ip(namespace, "route add 169.254.1.1 dev eth0 scope link", why)
                ip(namespace, "route add default via 169.254.1.1", why)
            case (true, .ipv6):
                ip(
                    namespace,
                    "route add default via fe80::1 dev eth0",
                    "The node's end of the veth pair."
                )
            }
        }
    }
}
