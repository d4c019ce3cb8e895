import Addressing
import KubernetesTestServer
import ServiceModel

/// Services of a cluster by number, each with an EndpointSlice.
enum SourceScript {
    static func service(_ index: Int) -> Service {
        Service(
            name: ServiceName(namespace: "shop", name: "s\(index)"),
            clusterIPs: [IPAddress(ipv4: 0x0a60_0001 + UInt32(index))],
            ports: PortNumber(80).map { [ServicePort(name: "http", port: $0)] } ?? []
        )
    }

    static func slice(_ index: Int, endpoints: Int = 1) -> EndpointSlice {
        EndpointSlice(
            name: "s\(index)-a",
            service: ServiceName(namespace: "shop", name: "s\(index)"),
            family: .ipv4,
            ports: PortNumber(8080).map { [EndpointPort(name: "http", port: $0)] } ?? [],
            endpoints: (0..<endpoints).map {
                Endpoint(
                    address: IPAddress(ipv4: 0x0ab4_0000 + UInt32(index * endpoints + $0)),
                    nodeName: "node-\($0)",
                    zone: "zone-a"
                )
            }
        )
    }

    static func cluster(_ count: Int, endpoints: Int = 1) -> TestCluster {
        let cluster = TestCluster()
        cluster.put((0..<count).map { .service(service($0)) })
        cluster.put((0..<count).map { .slice(slice($0, endpoints: endpoints)) })
        return cluster
    }
}
