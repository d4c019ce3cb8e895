import DataplaneModel

extension PacketPassage {
    /// Lets IPVS choose real servers; local flows continue at this hook, the others are sent out.
    mutating func balance(
        _ flows: [Flow],
        at chain: BuiltinChain
    ) -> (stayed: [Flow], left: [Flow]) {
        guard let servers = state.servers, !flows.isEmpty else { return (flows, []) }
        var walk = BalancingWalk(
            chain: chain,
            choice: servers,
            network: context.network,
            detail: context.detail,
            findings: draft.findings
        )
        walk.run(flows)
        draft.findings = walk.findings
        draft.settled += walk.settled
        draft.path.append(TraceHook(name: walk.name, steps: walk.steps))
        for note in walk.notes { draft.note(note) }
        return (walk.stayed, walk.left)
    }

    /// Packets that IPVS sends to other hosts pass OUTPUT with the new destination, but nat is not
    /// consulted again for the connection.
    mutating func sendAnew(_ flows: [Flow]) -> [Flow] {
        let marked = pass(.mangle, .output, .absent, flows)
        return pass(.filter, .output, .absent, marked)
    }

    /// Takes over the findings of a walk. If rules for all Services end a connection, the Service's
    /// name comes from the virtual server.
    mutating func nameService(_ walk: TableWalk) {
        let known = draft.findings.title
        draft.findings = walk.findings
        guard known == nil, let servers = state.servers,
            let ended = walk.ended.first(where: { $0.ending == .dropped || $0.ending == .rejected })
        else { return }
        let title = servers.addressed(ended.flow.packet)?.title
        draft.findings.title = title ?? draft.findings.title
    }
}
