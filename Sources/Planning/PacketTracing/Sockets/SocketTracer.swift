import Addressing
package import DataplaneModel

/// Traces connections of clients on this node: what the socket programs do at `connect()`, and then the
/// packet's way from there through the rules of the mode.
///
/// Clients are taken to be unbound: a socket bound to a loopback address is left to the packet rules.
package struct SocketTracer: FlowTracer {
    /// The effect of the first step where the client connects to an endpoint itself.
    package static let taken = "takes it"

    private let state: SocketState
    private let rules: any FlowTracer
    private let network: NodeNetwork
    private let isClient: @Sendable (TracedPacket) -> Bool?

    /// `rules` traces the packet's way through the mode's plan. `isClient` says whether the sender of a
    /// packet is a socket that the programs see, nil if that is unknown; other packets only meet `rules`.
    package init(
        _ state: SocketState,
        rules: any FlowTracer,
        network: NodeNetwork,
        isClient: @escaping @Sendable (TracedPacket) -> Bool?
    ) {
        self.state = state
        self.rules = rules
        self.network = network
        self.isClient = isClient
    }

    package func trace(_ packet: TracedPacket, detail: TraceDetail = .matches) -> PacketTrace {
        guard packet.source.family == packet.family, let frontend = frontend(of: packet) else {
            return rules.trace(packet, detail: detail)
        }
        switch isClient(packet) {
        case true?: break
        case false?: return rules.trace(packet, detail: detail)
        case nil:
            var trace = rules.trace(packet, detail: detail)
            trace.notes.append(Self.unknown(packet.source))
            return trace
        }
        switch state.frontends[frontend] {
        case .group(let number)?:
            if let group = state.groups[number] {
                return SocketPassage(packet: packet, frontend: frontend, group: group)
                    .trace { rules.trace(onward(packet, to: $0), detail: detail) }
            }
            // The programs leave alone what they do not find.
            return left(packet, frontend, "its group \(number) is missing", detail)
        case .refuse?: return refused(packet, frontend)
        case .leave?, nil:
            return left(packet, frontend, "only the packet rules can decide", detail)
        }
    }

    private static func unknown(_ source: IPAddress) -> String {
        "whether \(source) is a pod of this node is unknown, as detectLocal does not say; if it is one, the socket level serves it: see --pod"
    }

    /// A frontend at the address itself comes before a node port. A pod's loopback address is its own.
    private func frontend(of packet: TracedPacket) -> SocketFrontend? {
        guard case .port(let socket, let transport) = packet.destination else { return nil }
        let port = socket.port
        let exact = SocketFrontend(address: socket.address, port: port, transport: transport)
        if state.frontends[exact] != nil { return exact }
        guard state.nodeAddresses.contains(socket.address),
            !socket.address.isLoopback || network.isLocal(packet.source)
        else { return nil }
        let nodePort = SocketFrontend(address: nil, port: port, transport: transport)
        return state.frontends[nodePort] == nil ? nil : nodePort
    }

    /// The packet that the client sends instead. Its source address is chosen for its destination.
    private func onward(_ packet: TracedPacket, to endpoint: SocketAddress) -> TracedPacket {
        guard case .port(_, let transport) = packet.destination else { return packet }
        var onward = packet
        onward.destination = .port(endpoint, transport)
        let own = network.localAddresses.sorted().first {
            $0.family == packet.family && !$0.isLoopback && !$0.isLinkLocal
        }
        if packet.source.isLoopback, !network.isLocal(endpoint.address), let own {
            onward.source = own
        }
        return onward
    }

    private func refused(_ packet: TracedPacket, _ frontend: SocketFrontend) -> PacketTrace {
        var trace = PacketTrace(
            packet: packet,
            outcomes: [FlowOutcome(result: FlowResult(.rejected), probability: 1)]
        )
        trace.reason = "no endpoint: connect() fails with ECONNREFUSED"
        trace.path = [
            TraceHook(
                name: SocketPassage.hook,
                steps: [SocketPassage.step("frontend \(frontend)", "refused", ["no endpoint"])]
            )
        ]
        return trace
    }

    private func left(
        _ packet: TracedPacket,
        _ frontend: SocketFrontend,
        _ reason: String,
        _ detail: TraceDetail
    ) -> PacketTrace {
        var trace = rules.trace(packet, detail: detail)
        let step = SocketPassage.step("frontend \(frontend)", "left to the packet rules", [reason])
        trace.path.insert(TraceHook(name: SocketPassage.hook, steps: [step]), at: 0)
        return trace
    }
}
