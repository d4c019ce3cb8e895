import Addressing
package import DataplaneModel
import ServiceModel

extension IPVSPlanner {
    package func differences(in diff: IPVSDiff) -> [ObjectDifference] {
        // The rules are the same for all Services.
        let rules = IPTablesOwnership(
            renderer: IPTablesRenderer(family: family),
            chainOwner: { _ in nil },
            frontendOwner: { _ in nil }
        )
        return setDifferences(diff.sets) + rules.differences(in: diff.iptables)
            + diff.servers.map(difference) + addressDifferences(diff.addresses)
    }

    // MARK: - Sets

    private func setDifferences(_ changes: [IPSetChange]) -> [ObjectDifference] {
        if changes.isEmpty { return [] }
        let owners = entryOwners
        return changes.flatMap { change -> [ObjectDifference] in
            func elements(
                _ entries: [IPSetEntry],
                _ state: ObjectDifference.State
            ) -> [ObjectDifference] {
                entries.map { entry in
                    ObjectDifference(
                        .element,
                        "\(change.name) \(entry)",
                        state,
                        owners: owners[change.name]?[entry] ?? []
                    )
                }
            }
            switch change {
            case .create(let set):
                return [ObjectDifference(.set, set.name.text, .missing, owners: [])]
                    + elements(set.sortedEntries, .missing)
            case .replace(let set):
                return [ObjectDifference(.set, set.name.text, .different, owners: [])]
            case .destroy(let set):
                return [ObjectDifference(.set, set.name.text, .unexpected, owners: [])]
            case .update(let update):
                return elements(update.added, .missing) + elements(update.removed, .unexpected)
            }
        }
    }

    /// The owners of each entry of each set.
    private var entryOwners: [IPSetName: [IPSetEntry: Set<ServicePortName>]] {
        var owners: [NameScheme.SetRole: [IPSetEntry: Set<ServicePortName>]] = [:]
        for claim in winners.values {
            claim.forEachEntry { role, entry, _ in
                owners[role, default: [:]][entry, default: []].insert(claim.owner)
            }
            guard let address = claim.boundAddress else { continue }
            owners[.addresses, default: [:]][.address(address), default: []].insert(claim.owner)
        }
        return Dictionary(
            uniqueKeysWithValues: owners.map { (NameScheme.set($0, family), $1) }
        )
    }

    // MARK: - Servers and addresses

    private func difference(_ change: VirtualServerChange) -> ObjectDifference {
        let owner = winners[FrontendKey(change.key)]?.owner
        let name = "\(change.key)"
        return switch change {
        case .create: ObjectDifference(.virtualServer, name, .missing, owner: owner)
        case .edit: ObjectDifference(.virtualServer, name, .different, owner: owner)
        case .delete: ObjectDifference(.virtualServer, name, .unexpected, owner: owner)
        case .addRealServer(_, let server):
            ObjectDifference(.realServer, "\(server.key) of \(name)", .missing, owner: owner)
        case .editRealServer(_, _, let server):
            ObjectDifference(.realServer, "\(server.key) of \(name)", .different, owner: owner)
        case .removeRealServer(_, let server):
            ObjectDifference(.realServer, "\(server.key) of \(name)", .unexpected, owner: owner)
        }
    }

    private func addressDifferences(_ changes: [AddressChange]) -> [ObjectDifference] {
        if changes.isEmpty { return [] }
        var owners: [IPAddress: Set<ServicePortName>] = [:]
        for claim in winners.values {
            guard let address = claim.boundAddress else { continue }
            owners[address, default: []].insert(claim.owner)
        }
        return changes.map { change in
            switch change {
            case .add(let address):
                ObjectDifference(.address, "\(address)", .missing, owners: owners[address] ?? [])
            case .remove(let address):
                ObjectDifference(.address, "\(address)", .unexpected, owners: owners[address] ?? [])
            case .addRange(let range): ObjectDifference(.route, "\(range)", .missing, owners: [])
            case .removeRange(let range):
                ObjectDifference(.route, "\(range)", .unexpected, owners: [])
            }
        }
    }
}
