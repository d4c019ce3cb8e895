/// The resources that the server has.
package enum ServedResource: Sendable, Hashable, CaseIterable {
    case services
    case endpointSlices
    case nodes
    case serviceCIDRs

    var path: String {
        switch self {
        case .services: "/api/v1/services"
        case .endpointSlices: "/apis/discovery.k8s.io/v1/endpointslices"
        case .nodes: "/api/v1/nodes"
        case .serviceCIDRs: "/apis/networking.k8s.io/v1/servicecidrs"
        }
    }

    var apiVersion: String {
        switch self {
        case .services, .nodes: "v1"
        case .endpointSlices: "discovery.k8s.io/v1"
        case .serviceCIDRs: "networking.k8s.io/v1"
        }
    }

    var kind: String {
        switch self {
        case .services: "Service"
        case .endpointSlices: "EndpointSlice"
        case .nodes: "Node"
        case .serviceCIDRs: "ServiceCIDR"
        }
    }
}
