/// Why a frontend belongs to a Service; the first in this order wins a contest, so that no Service
/// gets a ClusterIP by naming it as an external IP (CVE-2020-8554).
package enum FrontendKind: Comparable, Sendable {
    case clusterIP
    case loadBalancer
    case externalIP
    case nodePort
    case healthCheck
    /// The rest of a ClusterIP's ports.
    case remainder

    package var noun: String {
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
