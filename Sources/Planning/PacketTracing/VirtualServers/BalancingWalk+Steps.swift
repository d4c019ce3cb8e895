import Addressing
import DataplaneModel

extension BalancingWalk {
    mutating func recordNone(_ flows: [Flow]) {
        let packet = flows[0].packet
        let port = packet.transport?.keyword ?? "icmp"
        steps.append(
            step(
                "no virtual server for \(packet.destinationText)/\(port)",
                matched: false,
                "goes on",
                choice.reasons(for: packet),
                flows
            )
        )
    }

    mutating func record(_ server: VirtualServer, _ flows: [Flow]) {
        var text = "virtual server \(server.key), \(server.scheduler)"
        if let seconds = server.persistenceSeconds { text += ", keeps clients for \(seconds) s" }
        steps.append(step(text, "takes it", choice.reasons(for: flows[0].packet), flows))
    }

    mutating func record(_ realServer: RealServer, of server: VirtualServer, _ flows: [Flow]) {
        let fate = fate(of: flows[0].packet, at: realServer)
        var reasons: [String] = []
        let effect: String
        switch fate {
        case .refused:
            effect = "rejected"
            reasons = ["its weight is 0"]
        case .lost(let why):
            effect = "dropped"
            reasons = [why]
        case .stays, .leaves, .wrapped:
            effect = self.effect(of: realServer)
            if fate == .stays { reasons = ["that is this node"] }
        }
        steps.append(step(realServer, of: server, effect, reasons, flows))
    }

    /// Real servers that get no connections, in a trace of everything.
    mutating func recordUnused(
        _ server: VirtualServer,
        _ flows: [Flow],
        _ shares: ConnectionShares
    ) {
        guard detail == .everything else { return }
        let used = Set(shares.parts.map(\.server.key))
        for realServer in server.sortedRealServers where !used.contains(realServer.key) {
            let reason = realServer.weight == 0 ? "its weight is 0" : "others have more weight"
            steps.append(
                step(realServer, of: server, matched: false, "gets no connections", [reason], flows)
            )
        }
    }

    private func effect(of realServer: RealServer) -> String {
        switch realServer.forwarding {
        case .masquerade, .localNode: "destination becomes \(realServer.key)"
        case .tunnel: "sent to \(realServer.key.address) through a tunnel, unchanged"
        case .directRoute: "sent to \(realServer.key.address) by its link address, unchanged"
        }
    }

    /// A step below the virtual server.
    private func step(
        _ realServer: RealServer,
        of server: VirtualServer,
        matched: Bool = true,
        _ effect: String,
        _ reasons: [String],
        _ flows: [Flow]
    ) -> TraceStep {
        let text = "real server \(realServer.key), weight \(realServer.weight)"
        var step = step(text, matched: matched, effect, reasons, flows)
        step.chain = server.key.description
        step.chainTitle = server.title
        step.depth = 1
        return step
    }

    private func step(
        _ rule: String,
        matched: Bool = true,
        _ effect: String,
        _ reasons: [String],
        _ flows: [Flow]
    ) -> TraceStep {
        let step = TraceStep(
            chain: "IPVS",
            rule: rule,
            matched: matched,
            effect: effect,
            reasons: reasons
        )
        return scope.step(step, taken: flows)
    }
}
