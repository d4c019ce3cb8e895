import Addressing
import ServiceModel

/// The ClusterIPs of the Services that sources have, and the addresses of held Services. If both have an
/// address, the held Service gives it up.
struct HeldAddresses: Sendable {
    /// How many Services of the sources have each ClusterIP.
    private var owners: [IPAddress: Int] = [:]
    /// The held Services with the address.
    private var held: [IPAddress: Set<ServiceName>] = [:]
    private var kept: [ServiceName: Set<IPAddress>] = [:]

    /// With the ClusterIPs of all Services in `snapshot`.
    init(_ snapshot: ServiceSnapshot) {
        for service in snapshot.services.values {
            for address in service.clusterIPs { owners[address, default: 0] += 1 }
        }
    }

    /// Records that a Service's ClusterIPs changed; returns the held Services that this changes.
    mutating func replace(_ old: [IPAddress], by new: [IPAddress]) -> Set<ServiceName> {
        for address in new { owners[address, default: 0] += 1 }
        for address in old {
            let count = (owners[address] ?? 0) - 1
            owners[address] = count > 0 ? count : nil
        }
        return Set(old).symmetricDifference(new).reduce(into: []) {
            $0.formUnion(held[$1] ?? [])
        }
    }

    /// Records the held Service of that name; nil if none is held.
    mutating func keep(_ service: Service?, of name: ServiceName) {
        for address in kept.removeValue(forKey: name) ?? [] {
            held[address]?.remove(name)
            if held[address]?.isEmpty == true { held[address] = nil }
        }
        guard let service else { return }
        let addresses = Set(
            service.clusterIPs + service.externalIPs + service.loadBalancerAddresses
        )
        kept[name] = addresses
        for address in addresses { held[address, default: []].insert(name) }
    }

    /// A held Service without the addresses that are ClusterIPs of others.
    func strip(_ service: Service) -> Service {
        var stripped = service
        stripped.clusterIPs.removeAll { owners[$0] != nil }
        stripped.externalIPs.removeAll { owners[$0] != nil }
        stripped.loadBalancerAddresses.removeAll { owners[$0] != nil }
        return stripped
    }
}
