import Addressing
package import DataplaneModel
package import ServiceModel

extension IPTablesPlanner {
    package func differences(in diff: IPTablesDiff) -> [ObjectDifference] {
        ownership.differences(in: diff)
    }

    package func services(in diff: IPTablesDiff) -> Set<ServiceName> {
        var found: Set<ServiceName> = []
        ownership.forEachChange(in: diff) { $0.addServices(to: &found) }
        return found
    }

    private var ownership: IPTablesOwnership {
        IPTablesOwnership(
            renderer: IPTablesRenderer(family: family),
            chainOwner: { chainOwners[$0] },
            frontendOwner: { claims.winner(of: $0)?.owner }
        )
    }
}

/// Attributes changes of legacy tables to Service ports: chains of a port by their names, and in
/// chains that Services share each rule by its frontend, or the chain it leads to.
struct IPTablesOwnership {
    let renderer: IPTablesRenderer
    let chainOwner: (ChainName) -> ServicePortName?
    let frontendOwner: (FrontendKey) -> ServicePortName?

    func differences(in diff: IPTablesDiff) -> [ObjectDifference] {
        var found: [ObjectDifference] = []
        forEachChange(in: diff) { found.append($0.difference) }
        return found
    }

    func forEachChange(in diff: IPTablesDiff, _ body: (AttributedChange) -> Void) {
        for table in diff.tables {
            for change in table.jumps { body(attributed(change, in: table.table)) }
            for change in table.chains { forEachChange(in: change, of: table.table, body) }
        }
    }

    private func attributed(_ change: JumpChange, in table: TableName) -> AttributedChange {
        let (jump, state): (Jump, ObjectDifference.State) =
            switch change {
            case .insert(let jump): (jump, .missing)
            case .delete(let jump): (jump, .unexpected)
            }
        return AttributedChange(kind: .jump, state: state, owners: .ports([])) { [renderer] in
            "\(table.rawValue) \(renderer.render(jump))"
        }
    }

    private func forEachChange(
        in change: ChainChange,
        of table: TableName,
        _ body: (AttributedChange) -> Void
    ) {
        let owner = chainOwner(change.name)
        func whole(_ state: ObjectDifference.State, _ owner: ServicePortName?) {
            let owners = AttributedChange.Owners.ports(owner.map { [$0] } ?? [])
            body(
                AttributedChange(kind: .chain, state: state, owners: owners) {
                    "\(table.rawValue) \(change.name)"
                }
            )
        }
        func each(
            _ rules: ArraySlice<Rule>,
            of chain: Chain,
            _ state: ObjectDifference.State
        ) {
            for rule in rules { body(attributed(rule, of: chain, state, in: table)) }
        }
        switch change {
        case .create(let chain):
            whole(.missing, owner)
            if owner == nil { each(chain.rules[...], of: chain, .missing) }
        case .delete: whole(.unexpected, nil)
        case .replace(let old, let new):
            if owner != nil { return whole(.different, owner) }
            let (missing, unexpected) = Self.unmatched(old.rules, new.rules)
            // The same rules in another order.
            if missing.isEmpty, unexpected.isEmpty { return whole(.different, nil) }
            each(missing, of: new, .missing)
            each(unexpected, of: new, .unexpected)
        }
    }

    private func attributed(
        _ rule: Rule,
        of chain: Chain,
        _ state: ObjectDifference.State,
        in table: TableName
    ) -> AttributedChange {
        let owners = AttributedChange.Owners.ports(owner(of: rule).map { [$0] } ?? [])
        return AttributedChange(kind: .rule, state: state, owners: owners) { [renderer] in
            "\(table.rawValue) \(renderer.render(rule, in: chain.name))"
        }
    }

    /// The rules of each list that the other lacks.
    private static func unmatched(
        _ old: [Rule],
        _ new: [Rule]
    ) -> (missing: ArraySlice<Rule>, unexpected: ArraySlice<Rule>) {
        var present: [Rule: Int] = [:]
        for rule in old { present[rule, default: 0] += 1 }
        var missing: ArraySlice<Rule> = []
        for rule in new {
            if let count = present[rule], count > 0 {
                present[rule] = count - 1
            } else {
                missing.append(rule)
            }
        }
        var unexpected: ArraySlice<Rule> = []
        for rule in old {
            guard let count = present[rule], count > 0 else { continue }
            present[rule] = count - 1
            unexpected.append(rule)
        }
        return (missing, unexpected)
    }

    private func owner(of rule: Rule) -> ServicePortName? {
        if let owner = frontend(of: rule).flatMap(frontendOwner) { return owner }
        return switch rule.target {
        case .jump(let chain), .goto(let chain): chainOwner(chain)
        default: nil
        }
    }

    /// The frontend for which a dispatch chain has such a rule; nil for any other rule.
    private func frontend(of rule: Rule) -> FrontendKey? {
        var address: IPAddress?
        if let destination = rule.destination {
            guard destination.prefix.isSingleAddress, !destination.inverted else { return nil }
            address = destination.prefix.address
        }
        guard rule.matches.count == 1 else { return nil }
        switch rule.matches[0] {
        case .destinationIsLocal(inverted: true):
            return address.map { .remainder($0) }
        case .destinationPort(let transport, let ports):
            guard ports.count == 1, let port = PortNumber(Int(ports.lowerBound)) else { return nil }
            if let address { return .address(SocketAddress(address, port), transport) }
            return rule.target == .accept ? .healthCheck(port) : .nodePort(port, transport)
        default: return nil
        }
    }
}
