import Addressing
package import DataplaneModel
import ServiceModel

extension NFTablesPlanner {
    package func differences(in diff: NFTablesDiff) -> [ObjectDifference] {
        if diff.isEmpty { return [] }
        return NFTablesOwnership(self).differences(in: diff)
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

    func differences(in diff: NFTablesDiff) -> [ObjectDifference] {
        // A set of another shape: none of its elements can be compared.
        var tables: [ObjectDifference.State] = diff.rebuilt == nil ? [] : [.different]
        switch diff.table {
        case .create: tables.append(.missing)
        case .restore: tables.append(.different)
        case .delete: tables.append(.unexpected)
        case nil: break
        }
        let found = tables.map {
            ObjectDifference(.table, Ownership.fairlead.table, $0, owners: [])
        }
        return found + diff.chains.map(difference) + diff.sets.flatMap(differences)
    }

    private func difference(_ change: NFTChainChange) -> ObjectDifference {
        switch change {
        case .create(let chain):
            ObjectDifference(.chain, chain.name.text, .missing, owner: chains[chain.name])
        case .replace(_, let chain):
            ObjectDifference(.chain, chain.name.text, .different, owner: chains[chain.name])
        case .delete(let chain):
            ObjectDifference(.chain, chain.name.text, .unexpected, owners: [])
        }
    }

    private func differences(_ change: NFTSetChange) -> [ObjectDifference] {
        switch change {
        case .create(let set):
            return [ObjectDifference(.set, set.name.text, .missing, owner: sets[set.name])]
                + set.sortedElements.map { element($0, set.name, set.shape, .missing) }
        case .delete(let set):
            return [ObjectDifference(.set, set.name.text, .unexpected, owners: [])]
        case .update(let update):
            return update.added.map { element($0, update.name, update.shape, .missing) }
                + update.replaced.map {
                    element(NFTElement($0.key, $0.old), update.name, update.shape, .different)
                }
                + update.removed.map { element($0, update.name, update.shape, .unexpected) }
        }
    }

    private func element(
        _ element: NFTElement,
        _ set: NFTSetName,
        _ shape: NFTSetShape,
        _ state: ObjectDifference.State
    ) -> ObjectDifference {
        let name = "\(set) \(renderer.render(element, of: shape))"
        if set == TableSet.clusterAddresses.name {
            let services = clusterAddresses[element.key] ?? []
            return ObjectDifference(.element, name, state, services: services)
        }
        return ObjectDifference(.element, name, state, owners: owners(element.key, set))
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
