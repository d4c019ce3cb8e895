import Addressing
package import DataplaneModel
import ServiceModel

extension IPTablesPlanner {
    package func differences(in diff: IPTablesDiff) -> [ObjectDifference] {
        IPTablesOwnership(
            renderer: IPTablesRenderer(family: family),
            chainOwner: { chainOwners[$0] },
            frontendOwner: { claims.winner(of: $0)?.owner }
        )
        .differences(in: diff)
    }
}

/// Attributes changes of legacy tables to Service ports: chains of a port by their names, and in
/// chains that Services share each rule by its frontend, or the chain it leads to.
struct IPTablesOwnership {
    let renderer: IPTablesRenderer
    let chainOwner: (ChainName) -> ServicePortName?
    let frontendOwner: (FrontendKey) -> ServicePortName?

    func differences(in diff: IPTablesDiff) -> [ObjectDifference] {
        diff.tables.flatMap { table in
            table.jumps.map { difference($0, in: table.table) }
                + table.chains.flatMap { differences($0, in: table.table) }
        }
    }

    private func difference(_ change: JumpChange, in table: TableName) -> ObjectDifference {
        switch change {
        case .insert(let jump): ObjectDifference(.jump, text(jump, table), .missing, owners: [])
        case .delete(let jump): ObjectDifference(.jump, text(jump, table), .unexpected, owners: [])
        }
    }

    private func text(_ jump: Jump, _ table: TableName) -> String {
        "\(table.rawValue) \(renderer.render(jump))"
    }

    private func differences(_ change: ChainChange, in table: TableName) -> [ObjectDifference] {
        let name = "\(table.rawValue) \(change.name)"
        let owner = chainOwner(change.name)
        switch change {
        case .create(let chain):
            return [ObjectDifference(.chain, name, .missing, owner: owner)]
                + (owner == nil ? rules(chain.rules[...], of: chain, .missing, table) : [])
        case .delete: return [ObjectDifference(.chain, name, .unexpected, owners: [])]
        case .replace(let old, let new):
            guard owner == nil else {
                return [ObjectDifference(.chain, name, .different, owner: owner)]
            }
            let (missing, unexpected) = Self.unmatched(old.rules, new.rules)
            // The same rules in another order.
            if missing.isEmpty, unexpected.isEmpty {
                return [ObjectDifference(.chain, name, .different, owner: nil)]
            }
            return rules(missing, of: new, .missing, table)
                + rules(unexpected, of: new, .unexpected, table)
        }
    }

    private func rules(
        _ rules: ArraySlice<Rule>,
        of chain: Chain,
        _ state: ObjectDifference.State,
        _ table: TableName
    ) -> [ObjectDifference] {
        rules.map { rule in
            let text = "\(table.rawValue) \(renderer.render(rule, in: chain.name))"
            return ObjectDifference(.rule, text, state, owner: owner(of: rule))
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
