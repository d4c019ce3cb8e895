import Addressing
import ServiceModel

/// Many ClusterIP Services of one TCP port with two endpoints each.
struct LargeCluster {
    private(set) var snapshot = ServiceSnapshot()

    init(services: Int) {
        for index in 0..<services {
            let name = name(index)
            snapshot.services[name] = Service(
                name: name,
                clusterIPs: [IPAddress(ipv4: 0x0a60_0001 + UInt32(index))],
                ports: PortNumber(80).map { [ServicePort(port: $0)] } ?? []
            )
            snapshot.slices[name] = [slice(index, 2)]
        }
    }

    var everything: SnapshotUpdate { SnapshotUpdate(snapshot: snapshot, changed: .all) }

    /// Gives one Service so many endpoints.
    mutating func setEndpoints(of index: Int, to count: Int) -> SnapshotUpdate {
        snapshot.slices[name(index)] = [slice(index, count)]
        return SnapshotUpdate(snapshot: snapshot, changed: .some([name(index)]))
    }

    private func name(_ index: Int) -> ServiceName {
        ServiceName(namespace: "shop", name: "s\(index)")
    }

    private func slice(_ index: Int, _ count: Int) -> EndpointSlice {
        EndpointSlice(
            name: "s",
            service: name(index),
            family: .ipv4,
            ports: PortNumber(80).map { [EndpointPort(port: $0)] } ?? [],
            endpoints: (0..<count).map {
                Endpoint(address: IPAddress(ipv4: 0x0ab4_0000 + UInt32(index * 16 + $0)))
            }
        )
    }
}
