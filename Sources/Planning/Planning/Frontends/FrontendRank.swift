/// Why an address belongs to a Service; the lower value wins a contest, so that nobody takes a
/// ClusterIP away by naming it as an external IP (CVE-2020-8554).
enum FrontendRank: Int, Comparable {
    case clusterIP
    case loadBalancer
    case externalIP
    case nodePort
    case healthCheck
    /// The rest of a ClusterIP's ports.
    case remainder

    static func < (left: FrontendRank, right: FrontendRank) -> Bool {
        left.rawValue < right.rawValue
    }

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
