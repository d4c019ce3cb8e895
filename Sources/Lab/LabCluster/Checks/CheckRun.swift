import NamespaceLab

extension LabCluster {
    /// Makes all connections, those of different clients in parallel, and returns them with their
    /// outcomes. Each is made `count` times, or as often as `counts` has it at the same index.
    /// `patience` multiplies every time limit.
    ///
    /// `progress` is told which client is still making connections.
    ///
    /// Throws if a client's ports cannot be reserved, or its program fails or exceeds the limit.
    func run(
        _ connections: [CheckedConnection],
        counts: [Int]? = nil,
        patience: Int,
        progress: (String) -> Void = { _ in }
    ) throws(LabError) -> [CheckedConnection] {
        var connections = connections
        let clients = Dictionary(grouping: connections.indices) { connections[$0].client }
        var batches: [(client: String, indices: [Int], batch: LabBatch)] = []
        for (client, indices) in clients {
            let requests = indices.map { index in
                let connection = connections[index]
                return LabAgent.Request(
                    connection.target,
                    count: counts?[index] ?? connection.count,
                    timeout: connection.patience(patience)
                )
            }
            let batch = try batch(
                requests,
                from: client.name,
                cgroup: cgroup(of: connections[indices[0]])
            )
            batches.append((client.name, indices, batch))
        }
        let total = connections.reduce(0) { $0 + $1.count }
        for (done, (client, indices, batch)) in batches.enumerated() {
            progress(
                "\(total) connections: clients done: \(done) of \(batches.count), waiting for \(client)"
            )
            let outcomes = try batch.outcomes(Deadline(in: .seconds(120 * patience)))
            for (index, outcomes) in zip(indices, outcomes) {
                connections[index].outcomes = outcomes
            }
        }
        return connections
    }

    /// That of the client's node, where its socket level is checked.
    private func cgroup(of connection: CheckedConnection) -> String? {
        guard connection.level == .sockets else { return nil }
        return connection.client.node(in: shape).map { socketLevel.cgroup(ofNode: $0) }
    }
}
