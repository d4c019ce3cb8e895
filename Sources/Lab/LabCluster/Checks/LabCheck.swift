import Addressing
package import NamespaceLab

/// The check of a lab with real packets: its network, then the Services on it.
package struct LabCheck {
    private let cluster: LabCluster
    /// Multiplies time limits, for slow machines.
    private let patience: Int
    /// Called with what the check is at, and with nothing before it prints.
    private let progress: (String?) -> Void
    /// How many mismatches are explained one by one.
    private let limit = 8

    private static let manifest = "services.d/fairlead-lab-check.yaml"

    package init(
        _ cluster: LabCluster,
        patience: Int = 1,
        progress: @escaping (String?) -> Void = { _ in }
    ) {
        self.cluster = cluster
        self.patience = patience
        self.progress = progress
    }

    private var shape: LabShape { cluster.shape }

    /// Prints the table and the mismatches; true if there are none. Throws if a client cannot be run.
    package func checkNetwork() throws(LabError) -> Bool {
        let model = NetworkModel(shape)
        let connections = try run(model.connections)
        print(model.table(connections))
        return try report(connections)
    }

    /// The same for Services, which exist only during the check. Throws also if they are not applied
    /// in time.
    package func checkServices() throws(LabError) -> Bool {
        let matrix = ServiceMatrix(shape)
        try cluster.home.write(matrix.manifest, to: Self.manifest)
        defer { cluster.home.remove(Self.manifest) }
        try cluster.waitUntilApplied(progress: progress)
        return try check(matrix)
    }

    /// The same for clients on the nodes while the socket level is switched on: they run in cgroups of the lab, and no
    /// other process is served. Throws also if it cannot be switched on.
    package func checkSocketLevel() throws(LabError) -> Bool {
        let matrix = ServiceMatrix(shape, .sockets)
        try cluster.home.write(matrix.manifest, to: Self.manifest)
        defer { cluster.home.remove(Self.manifest) }
        try cluster.setSocketLevel(isOn: true, progress: progress)
        let outcome = Result { () throws(LabError) in try check(matrix) }
        try cluster.setSocketLevel(isOn: false, progress: progress)
        progress(nil)
        return try outcome.get()
    }

    private func check(_ matrix: ServiceMatrix) throws(LabError) -> Bool {
        var connections = try run(matrix.connections)
        if cluster.mode == "ipvs" { connections = try repeatLost(connections) }
        try repeatUnspread(&connections)
        print(matrix.table(connections, mode: cluster.mode))
        return try report(connections)
    }

    /// Makes the connections, after a warning if connection tracking has no room for them.
    private func run(
        _ connections: [CheckedConnection]
    ) throws(LabError) -> [CheckedConnection] {
        let count = connections.reduce(0) { $0 + $1.count }
        defer { progress(nil) }
        let room = try ConntrackCapacity.observe(shape)
        if let warning = room?.warning(before: count, in: shape.topology) {
            progress(nil)
            print(warning)
        }
        return try cluster.run(connections, patience: patience, progress: progress)
    }

    private func repeatLost(
        _ connections: [CheckedConnection]
    ) throws(LabError) -> [CheckedConnection] {
        let lost = LostConnections(connections)
        guard lost.mayBeClashes else { return connections }
        print(
            "note: \(lost.count) lost, perhaps to a clash of ports in IPVS; repeating them\n"
        )
        return try lost.repeated(connections, on: cluster, patience: patience)
    }

    /// Adds the outcomes of a second attempt where one endpoint gave all the answers. A fault gives them again.
    private func repeatUnspread(_ connections: inout [CheckedConnection]) throws(LabError) {
        let unspread = connections.indices.filter { connections[$0].isUnspread(in: shape) }
        guard !unspread.isEmpty else { return }
        let again = try cluster.run(unspread.map { connections[$0] }, patience: patience)
        for (index, connection) in zip(unspread, again) {
            connections[index].outcomes += connection.outcomes
        }
    }

    private func report(_ connections: [CheckedConnection]) throws(LabError) -> Bool {
        let wrong = connections.filter { $0.mismatch(in: shape) != nil }
        let total = connections.reduce(0) { $0 + $1.outcomes.count }
        let kinds = shape.families.map(\.rawValue).joined(separator: " and ")
        print("\(total) connections over \(kinds), TCP and UDP: \(wrong.count) mismatches\n")
        for connection in wrong.prefix(limit) { try explain(connection) }
        if wrong.count > limit { print("… and \(wrong.count - limit) more") }
        return wrong.isEmpty
    }

    /// Prints the mismatch and the trace of the node's rules.
    private func explain(_ connection: CheckedConnection) throws(LabError) {
        let mismatch = connection.mismatch(in: shape) ?? ""
        print("✗ \(connection.client.name) → \(connection.target): \(mismatch)")
        guard let node = connection.translator else { return }
        let addresses = connection.client.addresses(connection.family, in: shape)
        guard let source = addresses.sorted().first else { return }
        print("  node\(node)$ fairlead trace --kernel --from \(source) --to \(connection.target)")
        let trace = try cluster.run(
            ["trace", "--kernel", "--from", source, "--to", connection.target],
            onNode: node
        )
        for line in trace.output.split(separator: "\n") { print("    \(line)") }
    }
}
