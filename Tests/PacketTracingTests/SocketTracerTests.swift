import Addressing
import DataplaneModel
import Testing

@testable import PacketTracing

/// What a trace says of clients whom the socket level serves.
@Suite("SocketTracer")
struct SocketTracerTests {
    /// Rules that let everything through, except to `.66`, which they drop.
    private struct Rules: FlowTracer {
        func trace(_ packet: TracedPacket, detail: TraceDetail) -> PacketTrace {
            let isDropped = packet.destination.address.bits & 0xff == 66
            let result = FlowResult(isDropped ? .dropped : .untouched)
            var trace = PacketTrace(
                packet: packet,
                outcomes: [FlowOutcome(result: result, probability: 1)]
            )
            trace.notes = ["from \(packet.source)"]
            return trace
        }
    }

    private static func parse<Value>(_ value: Value?) throws -> Value { try #require(value) }

    private func trace(
        _ from: String,
        _ to: String,
        change: (inout SocketState) -> Void = { _ in }
    ) throws -> PacketTrace {
        let port = try #require(PortNumber(80))
        var state = SocketState()
        let cluster = SocketFrontend(
            address: IPAddress("10.96.0.10"),
            port: port,
            transport: .tcp
        )
        state.frontends[cluster] = .group(7)
        state.frontends[SocketFrontend(address: nil, port: port, transport: .tcp)] = .group(7)
        let slots = try ["10.1.0.1:8", "10.1.0.2:8", "10.1.0.1:8"].map {
            try Self.parse(SocketAddress(parsing: $0))
        }
        state.groups[7] = SocketGroup(choice: .random, slots: slots, label: "shop/web")
        state.nodeAddresses = [.localhost(.ipv4)]
        change(&state)
        let network = NodeNetwork(localAddresses: [try Self.parse(IPAddress("192.0.2.1"))])
        let tracer = SocketTracer(state, rules: Rules(), network: network) {
            network.isLocal($0.source) || $0.source.bits >> 16 == 0x0a01
        }
        return tracer.trace(
            TracedPacket(
                from: try Self.parse(IPAddress(from)),
                to: try Self.parse(PacketDestination(to))
            )
        )
    }

    @Test("Endpoints get connections by their slots, and no source is rewritten")
    func shares() throws {
        let trace = try trace("192.0.2.1", "10.96.0.10:80/tcp")
        #expect(trace.outcomes.map(\.result.endpoint?.description) == ["10.1.0.1:8", "10.1.0.2:8"])
        #expect(trace.outcomes.allSatisfy { !$0.result.masqueraded })
        #expect(abs(trace.outcomes[0].probability - 2 / 3.0) < 1e-9)
        #expect(trace.title == "shop/web")
        #expect(trace.path.first?.steps.map(\.effect).first == SocketTracer.taken)
        #expect(trace.path.first?.steps.count == 3)
    }

    @Test("What the rules do to a packet for an endpoint counts")
    func rules() throws {
        let dropped = try Self.parse(SocketAddress(parsing: "10.1.0.66:8"))
        let trace = try trace("192.0.2.1", "10.96.0.10:80/tcp") { $0.groups[7]?.slots[1] = dropped }
        #expect(Set(trace.outcomes.map(\.result.verdict)).contains(.dropped))
        #expect(trace.outcomes.count == 2)
    }

    @Test("A client whom the programs do not see only meets the rules")
    func others() throws {
        let trace = try trace("203.0.113.9", "10.96.0.10:80/tcp")
        #expect(trace.outcomes.map(\.result.verdict) == [.untouched])
        #expect(trace.path.isEmpty)
    }

    @Test("Where it is unknown who a client is, the rules are traced, with a note")
    func unknown() throws {
        let network = NodeNetwork(localAddresses: [])
        var state = SocketState()
        let frontend = SocketFrontend(
            address: IPAddress("10.96.0.10"),
            port: try #require(PortNumber(80)),
            transport: .tcp
        )
        state.frontends[frontend] = .refuse
        let tracer = SocketTracer(state, rules: Rules(), network: network) { _ in nil }
        func trace(_ target: String) throws -> PacketTrace {
            tracer.trace(
                TracedPacket(
                    from: try Self.parse(IPAddress("10.1.0.1")),
                    to: try Self.parse(PacketDestination(target))
                )
            )
        }
        let known = try trace("10.96.0.10:80/tcp")
        #expect(known.outcomes.map(\.result.verdict) == [.untouched])
        #expect(known.notes.contains { $0.hasPrefix("whether 10.1.0.1 is a pod of this node") })
        // Nothing that the socket level knows.
        #expect(try trace("10.96.0.10:81/tcp").notes == ["from 10.1.0.1"])
    }

    @Test("Node ports answer on the loopback address of the node, not of a pod")
    func loopback() throws {
        let node = try trace("127.0.0.1", "127.0.0.1:80/tcp")
        #expect(node.outcomes.count == 2)
        // Its source is chosen for the endpoint.
        #expect(node.notes == ["from 192.0.2.1"])
        let pod = try trace("10.1.0.1", "127.0.0.1:80/tcp")
        #expect(pod.outcomes.map(\.result.verdict) == [.untouched])
    }

    @Test("A pod that is sent to itself sends no packet")
    func hairpin() throws {
        let trace = try trace("10.1.0.1", "10.96.0.10:80/tcp")
        #expect(trace.outcomes.count == 2)
        #expect(trace.notes.contains { $0.contains("its own address") })
    }

    @Test("Without endpoints connect() is refused; what is left meets the rules")
    func refusal() throws {
        func act(_ action: SocketAction) throws -> PacketTrace {
            try trace("192.0.2.1", "10.96.0.10:80/tcp") { state in
                for key in state.frontends.keys { state.frontends[key] = action }
            }
        }
        let refused = try act(.refuse)
        #expect(refused.outcomes.map(\.result.verdict) == [.rejected])
        #expect(refused.reason?.contains("ECONNREFUSED") == true)
        let left = try act(.leave)
        #expect(left.outcomes.map(\.result.verdict) == [.untouched])
        #expect(left.path.first?.steps.first?.effect == "left to the packet rules")
    }

    @Test("A client keeps its endpoint with session affinity")
    func affinity() throws {
        let trace = try trace("192.0.2.1", "10.96.0.10:80/tcp") {
            $0.groups[7]?.affinityTimeoutSeconds = 60
        }
        #expect(trace.affinity?.timeoutSeconds == 60)
        #expect(trace.affinity?.returning.count == 2)
    }
}
