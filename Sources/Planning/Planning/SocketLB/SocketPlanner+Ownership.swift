import Addressing
package import DataplaneModel
import ServiceModel

extension SocketPlanner {
    package func differences(in diff: SocketDiff) -> [ObjectDifference] {
        if diff.isEmpty { return [] }
        let addresses =
            diff.addedNodeAddresses.map { ($0, ObjectDifference.State.missing) }
            + diff.removedNodeAddresses.map { ($0, .unexpected) }
        let programs = ObjectDifference(.program, "socket programs", .different, owners: [])
        return frontendDifferences(diff) + diff.groups.map(difference)
            + addresses.map { ObjectDifference(.mapEntry, "node address \($0)", $1, owners: []) }
            + (diff.attaches ? [programs] : [])
    }

    private func frontendDifferences(_ diff: SocketDiff) -> [ObjectDifference] {
        let changed = Set(diff.setFrontends.map(\.key)).union(diff.removedFrontends)
        guard !changed.isEmpty else { return [] }
        var owners: [SocketFrontend: ServicePortName] = [:]
        for claim in winners {
            guard let frontend = SocketFrontend(claim.key), changed.contains(frontend) else {
                continue
            }
            owners[frontend] = claim.owner
        }
        func difference(_ key: SocketFrontend, _ state: ObjectDifference.State) -> ObjectDifference
        {
            ObjectDifference(.mapEntry, "frontend \(key)", state, owner: owners[key])
        }
        return diff.setFrontends.map { difference($0.key, $0.old == nil ? .missing : .different) }
            + diff.removedFrontends.map { difference($0, .unexpected) }
    }

    private func difference(_ change: SocketDiff.GroupChange) -> ObjectDifference {
        let state: ObjectDifference.State =
            change.new == nil ? .unexpected : change.old == nil ? .missing : .different
        return ObjectDifference(
            .mapEntry,
            "group \(change.number)",
            state,
            owner: groupOwner(change.number)
        )
    }
}
