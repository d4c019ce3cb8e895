import Addressing
import Reconciling
import ServiceModel

/// Services by number for tests of the removal guard: each with a ClusterIP of its own and, unless
/// said otherwise, one slice with one ready endpoint.
enum GuardedCluster {
    static func name(_ index: Int) -> ServiceName {
        ServiceName(namespace: "shop", name: "s\(index)")
    }

    static func names(_ indexes: some Sequence<Int>) -> Set<ServiceName> {
        Set(indexes.map(name))
    }

    static func address(_ index: Int) -> IPAddress {
        IPAddress(ipv4: 0x0a60_0001 + UInt32(index))
    }

    static func service(_ index: Int, address number: Int? = nil) -> Service {
        Service(name: name(index), clusterIPs: [address(number ?? index)])
    }

    static func slice(_ index: Int, _ slice: String = "a", ready: Bool = true) -> EndpointSlice {
        EndpointSlice(
            name: slice,
            service: name(index),
            family: .ipv4,
            ports: [],
            endpoints: [
                Endpoint(address: IPAddress(ipv4: 0x0a00_0001), ready: ready, serving: ready)
            ]
        )
    }

    static func cluster(_ indexes: some Sequence<Int>) -> ServiceSnapshot {
        var snapshot = ServiceSnapshot()
        for index in indexes {
            snapshot.services[name(index)] = service(index)
            snapshot.slices[name(index)] = [slice(index)]
        }
        return snapshot
    }

    /// As from a list: what is absent is missing.
    static func list(_ snapshot: ServiceSnapshot) -> SnapshotUpdate {
        SnapshotUpdate(snapshot: snapshot, changed: .all)
    }

    /// As from events: what is absent was deleted.
    static func events(_ snapshot: ServiceSnapshot, _ indexes: Int...) -> SnapshotUpdate {
        SnapshotUpdate(snapshot: snapshot, changed: .some(names(indexes)))
    }
}
