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
            let batch = try batch(requests, from: client.name)
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
}
