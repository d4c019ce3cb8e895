import DataplaneModel

extension PacketPassage {
    /// Lets IPVS choose real servers; what stays goes on at this hook, what left it is sent anew.
    mutating func balance(
        _ flows: [Flow],
        at chain: BuiltinChain
    ) -> (stayed: [Flow], left: [Flow]) {
        guard let servers = state.servers, !flows.isEmpty else { return (flows, []) }
        var walk = BalancingWalk(
            chain,
            servers,
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

    /// What IPVS sends to other hosts meets OUTPUT with its new destination, but nat has been asked
    /// for this connection.
    mutating func sendAnew(_ flows: [Flow]) -> [Flow] {
        let marked = pass(.mangle, .output, .absent, flows)
        return pass(.filter, .output, .absent, marked)
    }

    /// Takes over what a walk found out. Where rules for all Services end a connection, the virtual
    /// server it was for knows whose it is.
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
