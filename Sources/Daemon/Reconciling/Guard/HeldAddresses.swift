import Addressing
import ServiceModel

/// Which ClusterIPs Services have that their sources know, and which addresses those that are held
/// had: a ClusterIP has one owner, and that is not one whose source has lost it.
struct HeldAddresses: Sendable {
    /// How many Services have each ClusterIP.
    private var owners: [IPAddress: Int] = [:]
    /// The held Services that had the address.
    private var held: [IPAddress: Set<ServiceName>] = [:]
    private var kept: [ServiceName: Set<IPAddress>] = [:]

    /// With the ClusterIPs of all Services in `snapshot`.
    init(_ snapshot: ServiceSnapshot) {
        for service in snapshot.services.values {
            for address in service.clusterIPs { owners[address, default: 0] += 1 }
        }
    }

    /// Takes in that a Service's ClusterIPs changed; the held Services that differ by that.
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

    /// Takes in which Service is held by that name; nil is none.
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
