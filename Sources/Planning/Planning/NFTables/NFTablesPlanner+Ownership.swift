import Addressing
package import DataplaneModel
package import ServiceModel

extension NFTablesPlanner {
    package func differences(in diff: NFTablesDiff) -> [ObjectDifference] {
        if diff.isEmpty { return [] }
        var found: [ObjectDifference] = []
        NFTablesOwnership(self).forEachChange(in: diff) { found.append($0.difference) }
        return found
    }

    package func services(in diff: NFTablesDiff) -> Set<ServiceName> {
        if diff.isEmpty { return [] }
        // Of the table nothing was left.
        if diff.table == .create { return plannedServices }
        var found: Set<ServiceName> = []
        NFTablesOwnership(self).forEachChange(in: diff) { $0.addServices(to: &found) }
        return found
    }

    /// Those that own an element, a set or a chain.
    private var plannedServices: Set<ServiceName> {
        var found: Set<ServiceName> = []
        for group in groups { found.insert(group.key.port.service) }
        for claim in frontends { found.insert(claim.owner.service) }
        for (_, service) in clusterAddressOwners { found.insert(service) }
        return found
    }
}

/// Attributes changes of Fairlead's table: elements by their keys, chains and sets for session
/// affinity by their names. Everything else is for all Services.
private struct NFTablesOwnership {
    private let planner: NFTablesPlanner
    private let renderer: NFTablesRenderer
    private var chains: [NFTChainName: ServicePortName] = [:]
    private var sets: [NFTSetName: ServicePortName] = [:]
    private var frontends: [NFTSetName: [NFTValue: ServicePortName]] = [:]
    private var hairpins: [NFTValue: Set<ServicePortName>] = [:]
    private var clusterAddresses: [NFTValue: Set<ServiceName>] = [:]

    init(_ planner: NFTablesPlanner) {
        self.planner = planner
        renderer = NFTablesRenderer(family: planner.family)
        for group in planner.groups {
            for chain in group.affinityChains { chains[chain.name] = group.key.port }
            if let set = group.affinitySet { sets[set.name] = group.key.port }
            for endpoint in group.endpoints {
                let key = NFTValue(endpoint.address).appending(endpoint.address)
                hairpins[key, default: []].insert(group.key.port)
            }
        }
        for claim in planner.frontends {
            for entry in claim.elements {
                frontends[entry.set.name, default: [:]][entry.element.key] = claim.owner
            }
        }
        for (address, service) in planner.clusterAddressOwners {
            clusterAddresses[NFTValue(address), default: []].insert(service)
        }
    }

    func forEachChange(in diff: NFTablesDiff, _ body: (AttributedChange) -> Void) {
        // A set of another shape: none of its elements can be compared.
        if diff.rebuilt != nil { body(table(.different)) }
        switch diff.table {
        case .create: body(table(.missing))
        case .restore: body(table(.different))
        case .delete: body(table(.unexpected))
        case nil: break
        }
        for change in diff.chains { body(attributed(change)) }
        for change in diff.sets { forEachChange(in: change, body) }
    }

    private func table(_ state: ObjectDifference.State) -> AttributedChange {
        AttributedChange(kind: .table, state: state, owners: .ports([])) {
            Ownership.fairlead.table
        }
    }

    private func attributed(_ change: NFTChainChange) -> AttributedChange {
        let state: ObjectDifference.State
        var owner: ServicePortName?
        switch change {
        case .create(let chain): (state, owner) = (.missing, chains[chain.name])
        case .replace(_, let chain): (state, owner) = (.different, chains[chain.name])
        case .delete: state = .unexpected
        }
        return AttributedChange(kind: .chain, state: state, owners: .ports(Set(owner))) {
            change.name.text
        }
    }

    private func forEachChange(in change: NFTSetChange, _ body: (AttributedChange) -> Void) {
        func whole(_ set: NFTSet, _ state: ObjectDifference.State, _ owner: ServicePortName?) {
            let owners = AttributedChange.Owners.ports(Set(owner))
            body(AttributedChange(kind: .set, state: state, owners: owners) { set.name.text })
        }
        switch change {
        case .create(let set):
            whole(set, .missing, sets[set.name])
            for (key, data) in set.elements {
                body(element(NFTElement(key, data), set.name, set.shape, .missing))
            }
        case .delete(let set): whole(set, .unexpected, nil)
        case .update(let update):
            for one in update.added { body(element(one, update.name, update.shape, .missing)) }
            for one in update.replaced {
                let old = NFTElement(one.key, one.old)
                body(element(old, update.name, update.shape, .different))
            }
            for one in update.removed { body(element(one, update.name, update.shape, .unexpected)) }
        }
    }

    private func element(
        _ element: NFTElement,
        _ set: NFTSetName,
        _ shape: NFTSetShape,
        _ state: ObjectDifference.State
    ) -> AttributedChange {
        let owners: AttributedChange.Owners =
            set == TableSet.clusterAddresses.name
            ? .services(clusterAddresses[element.key] ?? []) : .ports(owners(element.key, set))
        return AttributedChange(kind: .element, state: state, owners: owners) { [renderer] in
            "\(set) \(renderer.render(element, of: shape))"
        }
    }

    /// A slot that a group no longer has still counts as the group's.
    private func owners(_ key: NFTValue, _ set: NFTSetName) -> Set<ServicePortName> {
        switch set {
        case TableSet.endpoints.name, TableSet.choices.name:
            groupOwner(UInt32(truncatingIfNeeded: key.bits(at: 32, width: 32)))
        case TableSet.numbers.name, TableSet.affinity.name:
            groupOwner(UInt32(truncatingIfNeeded: key.bits(at: 0, width: 32)))
        case TableSet.hairpin.name: hairpins[key] ?? []
        default: frontends[set]?[key].map { [$0] } ?? []
        }
    }

    private func groupOwner(_ value: UInt32) -> Set<ServicePortName> {
        planner.groupOwner(of: value).map { [$0] } ?? []
    }
}

extension Set {
    fileprivate init(_ element: Element?) {
        self = element.map { [$0] } ?? []
    }
}
