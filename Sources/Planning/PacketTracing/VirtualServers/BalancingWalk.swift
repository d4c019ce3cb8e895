import Addressing
import DataplaneModel

/// Follows connections through IPVS at one hook.
struct BalancingWalk {
    /// What happens to a connection at its real server.
    enum Fate: Equatable {
        /// Local to the node: continues at this hook.
        case stays
        /// Leaves this hook and is sent out.
        case leaves
        /// Encapsulated in a packet of the node itself.
        case wrapped
        case refused
        case lost(String)
    }

    let chain: BuiltinChain
    let choice: VirtualServerChoice
    let network: NodeNetwork
    let detail: TraceDetail
    var findings: TraceFindings
    var steps: [TraceStep] = []
    /// Flows that continue at this hook.
    private(set) var stayed: [Flow] = []
    /// Flows sent out as packets of the node.
    private(set) var left: [Flow] = []
    private(set) var settled: [(flow: Flow, verdict: FlowVerdict)] = []
    private(set) var notes: [String] = []
    private(set) var scope = StepScope([])

    /// `IPVS INPUT`.
    var name: String { "IPVS \(chain.rawValue)" }

    mutating func run(_ flows: [Flow]) {
        scope = StepScope(flows)
        var groups: [(server: VirtualServer?, flows: [Flow])] = []
        var places: [VirtualServer.Key?: Int] = [:]
        for flow in flows {
            let server = choice.server(for: flow.packet)
            if let place = places[server?.key] {
                groups[place].flows.append(flow)
            } else {
                places[server?.key] = groups.count
                groups.append((server, [flow]))
            }
        }
        for (server, flows) in groups {
            if let server {
                balance(flows, by: server)
            } else {
                recordNone(flows)
                stayed += flows
            }
        }
    }

    private mutating func balance(_ flows: [Flow], by server: VirtualServer) {
        findings.title = findings.title ?? server.title
        record(server, flows)
        let shares = ConnectionShares(of: server)
        notes += shares.notes
        if shares.parts.isEmpty {
            refuse(flows, "IPVS \(server.key) has no real server that accepts connections")
        }
        for part in shares.parts {
            let portion = flows.map { flow in
                var flow = flow
                flow.share *= part.fraction
                return server.affinityList(of: part.server).map { flow.put(on: $0) } ?? flow
            }
            record(part.server, of: server, portion)
            send(portion, to: part.server, of: server)
        }
        recordUnused(server, flows, shares)
        if let seconds = server.persistenceSeconds { sendReturning(flows, by: server, seconds) }
    }

    /// A client remembered by IPVS goes to its real server, whichever that was.
    private mutating func sendReturning(
        _ flows: [Flow],
        by server: VirtualServer,
        _ seconds: UInt32
    ) {
        findings.affinitySeconds = findings.affinitySeconds ?? seconds
        for realServer in server.sortedRealServers where realServer.weight > 0 {
            guard let list = server.affinityList(of: realServer) else { continue }
            let returning = flows.filter { !$0.isReturning }.map { $0.returning(list) }
            send(returning, to: realServer, of: server)
        }
    }

    private mutating func send(
        _ flows: [Flow],
        to realServer: RealServer,
        of server: VirtualServer
    ) {
        for flow in flows {
            let sent = flow.changing { $0.balance(to: realServer) }
            switch fate(of: flow.packet, at: realServer) {
            case .stays: stayed.append(sent)
            case .leaves: left.append(sent)
            case .wrapped: settle(sent)
            case .refused:
                refuse([flow], "IPVS \(server.key) chose \(realServer.key), whose weight is 0")
            case .lost(let why):
                findings.reason = findings.reason ?? why
                settled.append((flow, .dropped))
            }
        }
        note(realServer.forwarding)
    }

    func fate(of packet: PacketState, at realServer: RealServer) -> Fate {
        if realServer.weight == 0 { return .refused }
        let address = realServer.key.address
        if network.isLocal(address) {
            return address.isLoopback && chain == .input
                ? .lost("IPVS does not send packets of other hosts to a loopback address") : .stays
        }
        // `crosses_local_route_boundary`
        if let source = packet.source, source.isLoopback {
            return .lost("IPVS does not send packets from a loopback address to other hosts")
        }
        return realServer.forwarding == .tunnel ? .wrapped : .leaves
    }

    private mutating func settle(_ flow: Flow) {
        settled.append((flow, flow.packet.endpoint.map { .delivered($0) } ?? .untouched))
    }

    private mutating func refuse(_ flows: [Flow], _ reason: String) {
        findings.reason = findings.reason ?? reason
        settled += flows.map { ($0, .rejected) }
    }

    private mutating func note(_ forwarding: ForwardingMethod) {
        let note =
            switch forwarding {
            case .masquerade, .localNode: String?.none
            case .tunnel:
                "a real server behind a tunnel replies to the client directly;"
                    + " the outer packet is not traced"
            case .directRoute: "a real server on a direct route replies to the client directly"
            }
        if let note, !notes.contains(note) { notes.append(note) }
    }
}

extension VirtualServer {
    /// Stands for the clients that IPVS keeps at a real server; nil without affinity.
    fileprivate func affinityList(of realServer: RealServer) -> ClientRecord? {
        persistenceSeconds == nil ? nil : .list("IPVS \(key) \(realServer.key)")
    }
}

extension PacketState {
    /// The changes by IPVS on the way to a real server. Connection tracking does not see them as
    /// DNAT.
    fileprivate mutating func balance(to realServer: RealServer) {
        takenByIPVS = true
        switch realServer.forwarding {
        case .masquerade, .localNode:
            destination = realServer.key.address
            port = realServer.key.port
            endpoint = realServer.key
        case .tunnel, .directRoute:
            gateway = realServer.key.address
            endpoint = port.map { SocketAddress(realServer.key.address, $0) }
        }
    }
}
