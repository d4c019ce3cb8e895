import Addressing
package import NamespaceLab

/// What Kubernetes requires of a network: every pod has an address of its own, reaches all pods on
/// all nodes and is seen by that address, and so do the nodes.
package struct NetworkModel {
    package let shape: LabShape

    package init(_ shape: LabShape) {
        self.shape = shape
    }

    package var clients: [CheckClient] {
        shape.pods.map { .pod($0.number) } + shape.nodeNumbers.map(CheckClient.node) + [.outside]
    }

    /// A row for each client, a column for each pod.
    package var connections: [CheckedConnection] {
        clients.enumerated().flatMap { row, client in
            shape.pods.enumerated().flatMap { column, pod in
                shape.families.flatMap { family in
                    [TransportProtocol.tcp, .udp].map { transport in
                        CheckedConnection(
                            cell: .init(row: row, column: column),
                            client: client,
                            family: family,
                            transport: transport,
                            target: LabCluster.endpoint(
                                pod.address(family),
                                transport == .tcp ? LabCluster.port : LabCluster.datagramPort,
                                transport
                            ),
                            translator: nil,
                            expectation: .answers(pods: [pod.number], sees: client)
                        )
                    }
                }
            }
        }
    }

    package func table(_ connections: [CheckedConnection]) -> CheckTable {
        CheckTable(
            title: "The network: who reaches which pod, seen with its own address",
            columns: shape.pods.map(\.name),
            rows: clients.map { .init(name: $0.name) },
            connections: connections,
            shape: shape,
            isTerse: true
        )
    }
}
