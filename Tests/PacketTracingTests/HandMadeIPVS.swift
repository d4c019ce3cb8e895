import Addressing
import DataplaneModel
import PacketTracing
import TestSupport
import Testing

/// A small state of ipvs mode written by hand, and traces through it.
struct HandMadeIPVS {
    /// Rules and the node's network.
    var rules = HandMadeState()
    var sets: [IPSetName: IPSet] = [:]
    var servers: [VirtualServer.Key: VirtualServer] = [:]
    var binding = AddressBinding()

    mutating func set(
        _ name: String,
        _ kind: IPSetKind,
        family: IPFamily = .ipv4,
        title: String? = nil,
        _ entries: [IPSetEntry]
    ) {
        set(name, kind, family, title, carriesMarks: false, entries.map { ($0, 0) })
    }

    /// A set whose entries carry marks.
    mutating func set(
        _ name: String,
        _ kind: IPSetKind,
        family: IPFamily = .ipv4,
        title: String? = nil,
        marks entries: [(IPSetEntry, UInt32)]
    ) {
        set(name, kind, family, title, carriesMarks: true, entries)
    }

    private mutating func set(
        _ name: String,
        _ kind: IPSetKind,
        _ family: IPFamily,
        _ title: String?,
        carriesMarks: Bool,
        _ entries: [(IPSetEntry, UInt32)]
    ) {
        sets[IPSetName(name)] = IPSet(
            IPSetName(name),
            kind: kind,
            family: family,
            carriesMarks: carriesMarks,
            entries: Dictionary(uniqueKeysWithValues: entries),
            title: title
        )
    }

    /// Binds the frontend's address, too, as ipvs mode does.
    mutating func server(
        _ frontend: String,
        over transport: TransportProtocol = .tcp,
        scheduler: String = "wrr",
        persistence: UInt32? = nil,
        title: String? = nil,
        _ realServers: [RealServer]
    ) {
        let socket = socket(frontend)
        binding.addresses.insert(socket.address)
        server(
            .frontend(socket, transport),
            scheduler: scheduler,
            persistence: persistence,
            title: title,
            realServers
        )
    }

    mutating func server(
        _ key: VirtualServer.Key,
        scheduler: String = "wrr",
        persistence: UInt32? = nil,
        title: String? = nil,
        _ realServers: [RealServer]
    ) {
        servers[key] = VirtualServer(
            key,
            scheduler: SchedulerName(scheduler),
            persistenceSeconds: persistence,
            realServers: Dictionary(uniqueKeysWithValues: realServers.map { ($0.key, $0) }),
            title: title
        )
    }

    func tracer(_ network: NodeNetwork) -> PacketTracer {
        let state = IPVSState(
            iptables: rules.state,
            sets: sets,
            servers: servers,
            binding: binding
        )
        return PacketTracer(state, network: network) { rule, _ in "\(rule.target)" }
    }

    func trace(
        _ source: String,
        via interface: String? = nil,
        to destination: String,
        _ detail: TraceDetail = .matches
    ) throws -> PacketTrace {
        let packet = TracedPacket(
            from: address(source),
            via: interface,
            to: try #require(PacketDestination(destination))
        )
        return tracer(rules.network).trace(packet, detail: detail)
    }

    /// Checks a flow file against the state.
    func mismatches(_ flows: String) throws -> [FlowMismatch] {
        var file = try FlowFile(parsing: flows)
        file.network.localAddresses.formUnion(rules.network.localAddresses)
        file.network.attachments += rules.network.attachments
        return file.mismatches(in: .ipvs) { _, network in tracer(network) }
    }
}

extension RealServer {
    static func real(
        _ endpoint: String,
        weight: UInt32 = 1,
        _ forwarding: ForwardingMethod = .masquerade
    ) -> RealServer {
        RealServer(socket(endpoint), forwarding: forwarding, weight: weight)
    }
}

extension IPSetEntry {
    static func at(_ frontend: String, _ transport: TransportProtocol = .tcp) -> IPSetEntry {
        .frontend(socket(frontend), transport)
    }

    static func at(_ frontend: String, from range: String) -> IPSetEntry {
        .frontendSource(socket(frontend), .tcp, prefix(range))
    }
}

extension Match {
    static func set(
        _ name: String,
        _ sides: SetDimension...,
        inverted: Bool = false
    ) -> Match {
        .set(IPSetName(name), sides, inverted: inverted)
    }
}

extension Target {
    static func mark(from name: String, _ sides: SetDimension...) -> Target {
        .markFromSet(IPSetName(name), sides)
    }
}

extension PacketTrace {
    var hooks: [String] { path.map(\.name) }

    func steps(_ hook: String) -> [TraceStep] {
        path.filter { $0.name == hook }.flatMap(\.steps)
    }
}
