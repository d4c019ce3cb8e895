/// Why a frontend belongs to a Service; the lower value wins a contest, so that no Service takes a
/// ClusterIP away by naming it as an external IP (CVE-2020-8554).
package enum FrontendKind: Int, Comparable, Sendable {
    case clusterIP
    case loadBalancer
    case externalIP
    case nodePort
    case healthCheck
    /// The rest of a ClusterIP's ports.
    case remainder

    package static func < (left: FrontendKind, right: FrontendKind) -> Bool {
        left.rawValue < right.rawValue
    }

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
