import Addressing
import NamespaceLab
import Testing

/// Real connections through every kind of frontend: who answered, and whom it saw.
struct FrontendMatrix {
    let fixture: DaemonFixture
    let family: IPFamily

    /// Starts the daemon with Services of every kind and connects from every side.
    func check() throws {
        try fixture.write(Self.manifest(family))
        try fixture.start()
        try fixture.waitUntilApplied()
        try checkClusterIP()
        try checkExternal()
        try checkNodePorts()
        try checkLocalPolicy()
        try checkRefusals()
        try checkSourceRanges()
        try checkAffinity()
        #expect(try fixture.stop() == 0)
    }

    /// Addresses of one family's Services.
    private struct Addresses {
        let family: IPFamily

        func cluster(_ number: Int) -> String {
            family == .ipv4 ? "10.96.0.\(number)" : "fd00:96::\(number)"
        }

        func external(_ number: Int) -> String {
            family == .ipv4 ? "198.51.100.\(number)" : "2001:db8:51::\(number)"
        }

        var clientRange: String { LabAddresses.client(family) }
    }

    private static func manifest(_ family: IPFamily) -> String {
        let address = Addresses(family: family)
        func pod(_ number: Int, _ node: String) -> String {
            "{address: \"\(LabAddresses.pod(number, family))\", node: \(node)}"
        }
        let all = "[\(pod(1, "node-a")), \(pod(2, "node-a"))]"
        let ports = "{name: http, port: 80, targetPort: 8080"
        return """
            services:
              - name: shop/web
                address: "\(address.cluster(10))"
                ports:
                  - \(ports), nodePort: 30080}
                  - {name: dns, port: 53, targetPort: 5353, protocol: UDP, nodePort: 30053}
                externalIPs: ["\(address.external(7))"]
                endpoints: \(all)
              - name: shop/local
                address: "\(address.cluster(11))"
                ports: [\(ports), nodePort: 30081}]
                externalTrafficPolicy: Local
                externalIPs: ["\(address.external(8))"]
                endpoints: [\(pod(1, "node-a")), \(pod(2, "node-b"))]
              - name: shop/elsewhere
                address: "\(address.cluster(12))"
                ports: [\(ports), nodePort: 30082}]
                externalTrafficPolicy: Local
                externalIPs: ["\(address.external(9))"]
                endpoints: [\(pod(2, "node-b"))]
              - name: shop/guarded
                address: "\(address.cluster(13))"
                ports: [\(ports)}]
                loadBalancer:
                  addresses: ["\(address.external(20))"]
                  sourceRanges: ["\(address.clientRange)/\(family.bitWidth)"]
                endpoints: [\(pod(1, "node-a"))]
              - name: shop/empty
                address: "\(address.cluster(14))"
                ports: [\(ports), nodePort: 30084}]
                externalIPs: ["\(address.external(10))"]
                endpoints: []
              - name: shop/sticky
                address: "\(address.cluster(15))"
                ports: [\(ports)}]
                sessionAffinity: ClientIP
                endpoints: \(all)
              - name: shop/inside
                address: "\(address.cluster(16))"
                ports: [\(ports)}]
                internalTrafficPolicy: Local
                endpoints: [\(pod(2, "node-b"))]

            """
    }

    private func expect(
        _ expected: Set<String>,
        from namespace: String,
        _ address: String,
        _ port: String = "80/tcp",
        source: String? = nil,
        count: Int = 12,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let endpoint = DaemonFixture.endpoint(address, port)
        let seen = Set(
            try fixture.agent.connect(
                to: endpoint,
                from: source,
                in: namespace,
                count: count,
                // The first refusal may come while connect(2) holds the socket, and is lost:
                // the second follows the repeated SYN after a second.
                timeout: .milliseconds(1600)
            )
        )
        #expect(seen == expected, "\(namespace) to \(endpoint)", sourceLocation: sourceLocation)
    }

    private func answers(_ source: String, _ pods: Int...) -> Set<String> {
        Set(pods.map { "pod\($0) \(source)" })
    }

    private func checkClusterIP() throws {
        let vip = Addresses(family: family).cluster(10)
        let (lab, bridge) = (fixture.lab, LabAddresses.bridge(family))
        let pod3 = LabAddresses.pod(3, family)
        try expect(answers(pod3, 1, 2), from: lab.pod(3), vip, count: 30)
        try expect(answers(pod3, 1, 2), from: lab.pod(3), vip, "53/udp", count: 30)
        // The node and the outside are seen as the node.
        try expect(answers(bridge, 1, 2), from: lab.node, vip, count: 30)
        try expect(answers(bridge, 1, 2), from: lab.client, vip, count: 30)
        // An endpoint that reaches itself sees the node; the other one sees the endpoint.
        let pod1 = LabAddresses.pod(1, family)
        try expect(
            ["pod1 \(bridge)", "pod2 \(pod1)"],
            from: lab.pod(1),
            vip,
            count: 30
        )
        try expect(["refused"], from: lab.pod(3), vip, "81/tcp", count: 1)
        try expect(["refused"], from: lab.client, vip, "81/tcp", count: 1)
    }

    private func checkExternal() throws {
        let (lab, bridge) = (fixture.lab, LabAddresses.bridge(family))
        let vip = Addresses(family: family).external(7)
        for namespace in [lab.client, lab.node, lab.pod(3)] {
            try expect(answers(bridge, 1, 2), from: namespace, vip, count: 30)
        }
    }

    private func checkNodePorts() throws {
        let (lab, bridge) = (fixture.lab, LabAddresses.bridge(family))
        let node = LabAddresses.node(family)
        for namespace in [lab.client, lab.node, lab.pod(3)] {
            try expect(
                answers(bridge, 1, 2),
                from: namespace,
                node,
                "30080/tcp",
                count: 30
            )
        }
        try expect(
            answers(bridge, 1, 2),
            from: lab.client,
            node,
            "30053/udp",
            count: 30
        )
        // IPVS cannot send on what comes from a loopback address, and nftables mode leaves
        // 127.0.0.0/8 closed to neighbours by not opening it at all.
        guard family == .ipv4, fixture.mode == "iptables" else { return }
        try expect(
            answers(bridge, 1, 2),
            from: lab.node,
            "127.0.0.1",
            "30080/tcp",
            count: 30
        )
    }

    private func checkLocalPolicy() throws {
        let (lab, address) = (fixture.lab, Addresses(family: family))
        let (client, node) = (LabAddresses.client(family), LabAddresses.node(family))
        // Outside: only what is here, and it sees the client itself.
        try expect(answers(client, 1), from: lab.client, address.external(8))
        try expect(answers(client, 1), from: lab.client, node, "30081/tcp")
        // Inside: everything.
        let pod3 = LabAddresses.pod(3, family)
        try expect(
            answers(pod3, 1, 2),
            from: lab.pod(3),
            address.external(8),
            count: 30
        )
        // Nothing here: dropped outside, served inside.
        try expect(["timeout"], from: lab.client, address.external(9), count: 1)
        try expect(["timeout"], from: lab.client, node, "30082/tcp", count: 1)
        try expect(answers(pod3, 2), from: lab.pod(3), address.external(9))
        let bridge = LabAddresses.bridge(family)
        try expect(answers(bridge, 2), from: lab.node, address.external(9))
        try expect(["timeout"], from: lab.pod(3), address.cluster(16), count: 1)
    }

    private func checkRefusals() throws {
        let (lab, address) = (fixture.lab, Addresses(family: family))
        let node = LabAddresses.node(family)
        for namespace in [lab.pod(3), lab.node, lab.client] {
            try expect(["refused"], from: namespace, address.cluster(14), count: 1)
        }
        try expect(["refused"], from: lab.client, address.external(10), count: 1)
        try expect(["refused"], from: lab.client, node, "30084/tcp", count: 1)
    }

    private func checkSourceRanges() throws {
        let vip = Addresses(family: family).external(20)
        let (lab, bridge) = (fixture.lab, LabAddresses.bridge(family))
        try expect(answers(bridge, 1), from: lab.client, vip)
        let stranger = LabAddresses.otherClient(family)
        try expect(["timeout"], from: lab.client, vip, source: stranger, count: 1)
    }

    private func checkAffinity() throws {
        let vip = Addresses(family: family).cluster(15)
        for pod in [1, 2, 3] {
            let seen = Set(
                try fixture.agent.connect(
                    to: DaemonFixture.endpoint(vip, "80/tcp"),
                    in: fixture.lab.pod(pod),
                    count: 20
                )
            )
            #expect(seen.count == 1, "\(seen)")
        }
    }
}
