import NamespaceLab

/// Connections of a check in ipvs mode that a clash of ports may have cost, and their repetition.
///
/// A reply that passes a node is taken for that of a virtual server if its client's address and
/// port and the endpoint are in the node's IPVS table (docs/ipvs-layout.md, "A client's port"). A
/// node masquerades from random ports, and has used some of them for node ports of another node. Of
/// a check's 5616 connections that costs one now and then. A fault also costs the second attempt,
/// and whatever loses more than a few is not such a clash.
package struct LostConnections {
    /// Outcomes without an expected answer.
    private static let losses: Set<String> = ["timeout", "Connection reset by peer", "closed"]

    /// For each connection the places of its lost outcomes.
    package let places: [[Int]]
    /// All attempts of the check.
    private let total: Int

    package init(_ connections: [CheckedConnection]) {
        places = connections.map { connection in
            guard case .answers = connection.expectation else { return [] }
            return connection.outcomes.indices.filter {
                Self.losses.contains(connection.outcomes[$0])
            }
        }
        total = connections.reduce(0) { $0 + $1.outcomes.count }
    }

    package var count: Int { places.reduce(0) { $0 + $1.count } }

    /// Whether a clash of ports may be why: some, but at most one in a thousand.
    package var mayBeClashes: Bool { count > 0 && count * 1000 <= max(1000, total) }

    /// Repeats each lost connection with other ports and replaces its outcome.
    func repeated(
        _ connections: [CheckedConnection],
        on cluster: LabCluster,
        patience: Int
    ) throws(LabError) -> [CheckedConnection] {
        let lost = connections.indices.filter { !places[$0].isEmpty }
        let again = try cluster.run(
            lost.map { connections[$0] },
            counts: lost.map { places[$0].count },
            patience: patience
        )
        var connections = connections
        for (index, connection) in zip(lost, again) {
            for (place, outcome) in zip(places[index], connection.outcomes) {
                connections[index].outcomes[place] = outcome
            }
        }
        return connections
    }
}
