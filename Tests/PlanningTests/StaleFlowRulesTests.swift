import Addressing
import DataplaneModel
import Planning
import ServiceModel
import Testing

/// What a change of Services asks of connection tracking.
@Suite struct StaleFlowRulesTests {
    private static let dns = ServiceName(namespace: "default", name: "dns")
    private var settings = PlannerSettings(
        node: NodeIdentity(name: "node-a", addresses: [address("192.0.2.1")])
    )

    private static func address(_ text: String) -> IPAddress {
        guard let address = IPAddress(text) else { preconditionFailure("\(text) is an address") }
        return address
    }

    private static func socket(_ text: String) -> SocketAddress {
        guard let socket = SocketAddress(parsing: text) else {
            preconditionFailure("\(text) is a socket address")
        }
        return socket
    }

    private static func port(_ number: Int) -> PortNumber {
        guard let port = PortNumber(number) else { preconditionFailure("\(number) is a port") }
        return port
    }

    private static let vip = socket("10.96.0.10:53")
    private static let external = socket("198.51.100.7:53")
    private static func pod(_ number: Int) -> SocketAddress { socket("10.180.0.\(number):5353") }
    private static func pods(_ numbers: Int...) -> Set<SocketAddress> { Set(numbers.map(pod)) }

    /// A Service with every kind of frontend, with endpoints at those numbers.
    private static func service(
        _ name: ServiceName = dns,
        transport: TransportProtocol = .udp,
        forwarding: Forwarding = .nat,
        vip: SocketAddress = vip,
        nodePort: Int? = 30053
    ) -> Service {
        Service(
            name: name,
            clusterIPs: [vip.address],
            ports: [
                ServicePort(transport: transport, port: port(53), nodePort: nodePort.map(port))
            ],
            externalIPs: [external.address],
            forwarding: forwarding
        )
    }

    private static func endpoints(_ numbers: Int...) -> [Endpoint] {
        numbers.map { Endpoint(address: pod($0).address) }
    }

    /// Leads the rules from state to state.
    private struct Walk {
        var rules = StaleFlowRules()
        var desired: DesiredState
        var snapshot = ServiceSnapshot()

        init(_ settings: PlannerSettings) {
            desired = DesiredState(family: .ipv4, settings: settings)
        }

        mutating func set(
            _ service: Service?,
            _ endpoints: [Endpoint] = [],
            name: ServiceName = dns
        ) -> FlowCheck {
            snapshot.services[name] = service
            let transport = service?.ports.first?.transport ?? .udp
            snapshot.slices[name] = [
                EndpointSlice(
                    name: "slice",
                    service: name,
                    family: .ipv4,
                    ports: [EndpointPort(transport: transport, port: port(5353))],
                    endpoints: endpoints
                )
            ]
            let update = SnapshotUpdate(snapshot: snapshot, changed: .some([name]))
            return rules.update(desired.select(update), of: desired)
        }
    }

    private func check(
        _ frontends: [SocketAddress: Set<SocketAddress>],
        _ nodePorts: [Int: Set<SocketAddress>] = [:]
    ) -> FlowCheck {
        var check = FlowCheck()
        check.frontends = frontends
        for (number, allowed) in nodePorts { check.nodePorts[Self.port(number)] = allowed }
        return check
    }

    @Test("A new Service's frontends are looked at, with the flows that began before it")
    func creation() {
        var walk = Walk(settings)
        let check = walk.set(Self.service(), Self.endpoints(11, 12))
        let both = Self.pods(11, 12)
        #expect(check == self.check([Self.vip: both, Self.external: both], [30053: both]))
        let early = UDPFlow(destination: Self.vip, responder: Self.vip)
        #expect(check.isStale(early) { _ in false })
        #expect(
            !check.isStale(UDPFlow(destination: Self.vip, responder: Self.pod(11))) { _ in false }
        )
    }

    @Test("An endpoint gone makes its flows stale; one more makes none, nor does no change")
    func endpoints() {
        var walk = Walk(settings)
        _ = walk.set(Self.service(), Self.endpoints(11, 12))
        #expect(walk.set(Self.service(), Self.endpoints(11, 12, 13)).isEmpty)
        #expect(walk.set(Self.service(), Self.endpoints(13, 12, 11)).isEmpty)
        let check = walk.set(Self.service(), Self.endpoints(12, 13))
        let left = Self.pods(12, 13)
        #expect(check == self.check([Self.vip: left, Self.external: left], [30053: left]))
    }

    @Test("With the last endpoint all flows go, and when the first returns too")
    func lastEndpoint() {
        var walk = Walk(settings)
        _ = walk.set(Self.service(), Self.endpoints(11))
        let none = check([Self.vip: [], Self.external: []], [30053: []])
        #expect(walk.set(Self.service()) == none)
        let one = Self.pods(12)
        #expect(
            walk.set(Self.service(), Self.endpoints(12))
                == check([Self.vip: one, Self.external: one], [30053: one])
        )
    }

    @Test("A frontend or a whole Service gone takes all its flows along")
    func removal() {
        var walk = Walk(settings)
        _ = walk.set(Self.service(), Self.endpoints(11))
        var other = Self.service(nodePort: 30054)
        other.externalIPs = []
        let one = Self.pods(11)
        #expect(
            walk.set(other, Self.endpoints(11))
                == check([Self.external: []], [30053: [], 30054: one])
        )
        #expect(walk.set(nil) == check([Self.vip: []], [30054: []]))
        #expect(walk.set(nil).isEmpty)
    }

    @Test("TCP and SCTP are never looked at", arguments: [TransportProtocol.tcp, .sctp])
    func otherTransports(_ transport: TransportProtocol) {
        var walk = Walk(settings)
        #expect(walk.set(Self.service(transport: transport), Self.endpoints(11)).isEmpty)
        #expect(walk.set(Self.service(transport: transport)).isEmpty)
    }

    @Test("Flows to an endpoint that answers go on: terminating, of weight 0, elsewhere")
    func answering() {
        var walk = Walk(settings)
        var service = Self.service()
        service.externalTrafficPolicy = .local
        service.internalTrafficPolicy = .local
        let endpoints = [
            Endpoint(address: Self.pod(11).address, nodeName: "node-a"),
            Endpoint(address: Self.pod(12).address, ready: false, terminating: true),
            Endpoint(address: Self.pod(13).address, weight: 0),
            Endpoint(address: Self.pod(14).address, nodeName: "node-b"),
            Endpoint(address: Self.pod(15).address, ready: false, serving: false),
        ]
        let check = walk.set(service, endpoints)
        #expect(check.frontends[Self.vip] == Self.pods(11, 12, 13, 14))
    }

    @Test("A frontend that two Services claim lets the flows of both go on")
    func claimedTwice() {
        var walk = Walk(settings)
        let other = ServiceName(namespace: "default", name: "other")
        _ = walk.set(Self.service(), Self.endpoints(11))
        var service = Self.service(other, nodePort: nil)
        service.externalIPs = []
        #expect(
            walk.set(service, Self.endpoints(12), name: other)
                == check([Self.vip: Self.pods(11, 12)])
        )
        let check = walk.set(nil)
        #expect(check.frontends == [Self.vip: Self.pods(12), Self.external: []])
    }

    @Test("Where packets are forwarded untranslated, an untranslated flow is none of the past")
    func forwarded() {
        var walk = Walk(settings)
        let check = walk.set(Self.service(forwarding: .direct), Self.endpoints(11))
        #expect(check.frontends[Self.vip] == [Self.pod(11), Self.vip])
    }

    @Test("At an address that accepts node ports no more, no flow to one goes on")
    func withdrawnAddress() {
        var walk = Walk(settings)
        _ = walk.set(Self.service(nodePort: 30053), Self.endpoints(11))
        let (gone, kept) = (Self.socket("192.0.2.1:30053"), Self.socket("192.0.2.2:30053"))
        let check = walk.rules.nodePorts(withdrawnFrom: [gone.address])
        func isStale(_ destination: SocketAddress) -> Bool {
            check.isStale(UDPFlow(destination: destination, responder: Self.pod(11))) {
                $0 == kept.address
            }
        }
        #expect(isStale(gone) && !isStale(kept))
        // Not a node port, but of the Service.
        #expect(!isStale(Self.socket("192.0.2.1:53")))
    }

    @Test("A node port counts only at addresses that accept it, and behind frontends of that port")
    func nodePorts() {
        var walk = Walk(settings)
        let check = walk.set(Self.service(nodePort: 53), Self.endpoints(11))
        let node = Self.socket("192.0.2.1:53")
        let accepts: (IPAddress) -> Bool = { $0 == node.address }
        let stale = Self.pod(99)
        #expect(
            check.isStale(UDPFlow(destination: node, responder: stale), acceptsNodePorts: accepts)
        )
        #expect(
            !check.isStale(
                UDPFlow(destination: Self.socket("203.0.113.9:53"), responder: stale),
                acceptsNodePorts: accepts
            )
        )
        #expect(
            !check.isStale(
                UDPFlow(destination: node, responder: Self.pod(11)),
                acceptsNodePorts: accepts
            )
        )
        // Another Service's external address is the node's own.
        let other = ServiceName(namespace: "default", name: "other")
        var service = Self.service(other, vip: Self.socket("10.96.0.11:53"), nodePort: nil)
        service.externalIPs = [node.address]
        _ = walk.set(service, Self.endpoints(12), name: other)
        let later = walk.set(Self.service(nodePort: 53), Self.endpoints(13))
        let flow = UDPFlow(destination: node, responder: Self.pod(12))
        #expect(!later.isStale(flow, acceptsNodePorts: accepts))
    }

    @Test("Of two checks the later knows better")
    func merging() {
        var earlier = check([Self.vip: Self.pods(11), Self.external: []], [30053: []])
        earlier.merge(check([Self.vip: []], [30054: Self.pods(12)]))
        #expect(
            earlier == check([Self.vip: [], Self.external: []], [30053: [], 30054: Self.pods(12)])
        )
    }

    @Test("Addresses that accept node ports, by the configuration")
    func nodePortAddresses() {
        let local = ["127.0.0.1", "192.0.2.1", "10.180.0.1", "2001:db8::1"].map(Self.address)
        var settings = settings
        func accepted(_ mode: ProxyMode) -> [String] {
            settings.nodePortAddresses(.ipv4, local: local, mode).sorted().map(\.description)
        }
        #expect(accepted(.ipvs) == ["10.180.0.1", "192.0.2.1"])
        #expect(accepted(.nftables) == ["10.180.0.1", "192.0.2.1"])
        #expect(accepted(.iptables) == ["10.180.0.1", "127.0.0.1", "192.0.2.1"])
        settings.nodePortAddresses = .primary
        #expect(accepted(.iptables) == ["192.0.2.1"])
        settings.nodePortAddresses.includesLocalhost = true
        #expect(accepted(.nftables) == ["127.0.0.1", "192.0.2.1"])
        #expect(accepted(.ipvs) == ["192.0.2.1"])
        settings.localhostNodePorts = false
        #expect(accepted(.nftables) == ["192.0.2.1"])
        settings.localhostNodePorts = nil
        settings.nodePortAddresses = .ranges([IPPrefix(Self.address("10.0.0.0"), length: 8)])
        #expect(accepted(.iptables) == ["10.180.0.1"])
        settings.nodePortAddresses = .ranges([IPPrefix(Self.address("fd00::"), length: 8)])
        #expect(accepted(.ipvs) == ["10.180.0.1", "192.0.2.1"])
    }
}
