import Addressing
package import NamespaceLab

/// Every kind of frontend, with every traffic policy, from every kind of client.
package struct ServiceMatrix {
    /// One line of the table.
    private struct Row {
        var service: MatrixService
        var frontend: MatrixService.Frontend
    }

    package let shape: LabShape
    private let level: CheckedConnection.Level
    private let rows: [Row]

    /// With the socket level of clients on the nodes alone.
    package init(_ shape: LabShape, _ level: CheckedConnection.Level = .rules) {
        self.shape = shape
        self.level = level
        let frontends: [MatrixService.Frontend] =
            [.clusterIP, .externalIP, .loadBalancer]
            + shape.nodeNumbers.prefix(2).map { .nodePort($0) }
        rows = MatrixService.all(in: shape).flatMap { service in
            frontends.map { Row(service: service, frontend: $0) }
        }
    }

    /// An endpoint, a pod that is not one (if there are three), the same on another node, nodes, and
    /// the client outside, which has no socket on a node.
    package var clients: [CheckClient] {
        var clients: [CheckClient] = []
        for node in shape.nodeNumbers.prefix(2) {
            let pods = shape.pods(onNode: node).map(\.number)
            if node == 1, pods.count > 1 { clients.append(.pod(pods[0])) }
            if let last = pods.last { clients.append(.pod(last)) }
        }
        return clients + shape.nodeNumbers.prefix(2).map(CheckClient.node)
            + (level == .rules ? [.outside] : [])
    }

    /// The Services of the check.
    package var manifest: String {
        "services:\n"
            + MatrixService.all(in: shape).map { $0.manifest(shape.families) }.joined()
    }

    package var connections: [CheckedConnection] {
        rows.enumerated().flatMap { number, row in
            clients.enumerated().flatMap { column, client in
                connections(row, client, .init(row: number, column: column))
            }
        }
    }

    private func connections(
        _ row: Row,
        _ client: CheckClient,
        _ cell: CheckedConnection.Cell
    ) -> [CheckedConnection] {
        let rules = MatrixRules(
            shape: shape,
            service: row.service,
            frontend: row.frontend,
            client: client
        )
        let sockets = level == .sockets ? SocketRules(rules: rules) : nil
        return shape.families.flatMap { family in
            [TransportProtocol.tcp, .udp].map { transport in
                CheckedConnection(
                    cell: cell,
                    client: client,
                    family: family,
                    transport: transport,
                    target: LabCluster.endpoint(
                        row.service.address(row.frontend, family),
                        row.service.port(row.frontend, transport),
                        transport
                    ),
                    translator: rules.translator,
                    expectation: sockets?.expectation ?? rules.expectation,
                    level: level,
                    remark: sockets?.remark,
                    isMasqueradedToItself: sockets?.isTranslated ?? true
                )
            }
        }
    }

    package func table(_ connections: [CheckedConnection], mode: String) -> CheckTable {
        var last = ""
        return CheckTable(
            title:
                "Services, mode \(mode)\(level == .sockets ? " with the socket level" : ""): which pods answer ← the client they see",
            columns: clients.map(\.name),
            rows: rows.map { row in
                defer { last = row.service.title }
                return .init(
                    name: row.frontend.name,
                    heading: row.service.title == last ? nil : row.service.title
                )
            },
            connections: connections,
            shape: shape
        )
    }
}
