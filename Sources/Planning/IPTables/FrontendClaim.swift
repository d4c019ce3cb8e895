import Addressing
import DataplaneModel
import ServiceModel

/// A wish to decide what happens to packets for one destination. Of several for the same
/// destination the first in order gets it.
struct FrontendClaim: Equatable {
    /// The dispatch trees a frontend can stand in.
    enum Space {
        case address
        case nodePort
        case healthCheck
    }

    /// Why an address belongs to a Service; the lower value wins a contest, so that nobody takes a
    /// ClusterIP away by naming it as an external IP (CVE-2020-8554).
    enum Rank: Int, Comparable {
        case clusterIP
        case loadBalancer
        case externalIP
        case nodePort
        case healthCheck
        /// The rest of a ClusterIP's ports.
        case remainder

        static func < (left: Rank, right: Rank) -> Bool { left.rawValue < right.rawValue }

        var noun: String {
            switch self {
            case .clusterIP: "ClusterIP"
            case .loadBalancer: "load-balancer address"
            case .externalIP: "external IP"
            case .nodePort: "node port"
            case .healthCheck: "health check node port"
            case .remainder: "address"
            }
        }
    }

    var space: Space
    var key: DispatchKey
    var rank: Rank
    var owner: ServicePortName
    /// In space `address` only.
    var address: IPAddress?
    var natRule: Rule?
    var filterRule: Rule?

    /// `10.96.0.10:80/tcp`, for people.
    var subject: String {
        guard let transport = key.transportProtocol else { return address?.description ?? "" }
        let port = address.map { $0.family == .ipv6 ? "[\($0)]:" : "\($0):" } ?? ""
        return "\(port)\(key.port)/\(transport.keyword)"
    }
}
