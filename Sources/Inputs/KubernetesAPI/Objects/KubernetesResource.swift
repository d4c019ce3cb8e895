/// A kind of object that a proxy watches on the API server.
package enum KubernetesResource: String, Sendable, Hashable, CaseIterable {
    case services
    case endpointSlices
    case nodes
    case serviceCIDRs

    /// The path to list and watch all objects of the kind.
    package var listPath: String {
        switch self {
        case .services: "/api/v1/services"
        case .endpointSlices: "/apis/discovery.k8s.io/v1/endpointslices"
        case .nodes: "/api/v1/nodes"
        case .serviceCIDRs: "/apis/networking.k8s.io/v1/servicecidrs"
        }
    }

    /// `kind` of one object; a list of them has `List` added.
    package var kind: String {
        switch self {
        case .services: "Service"
        case .endpointSlices: "EndpointSlice"
        case .nodes: "Node"
        case .serviceCIDRs: "ServiceCIDR"
        }
    }

    package var apiVersion: String {
        switch self {
        case .services, .nodes: "v1"
        case .endpointSlices: "discovery.k8s.io/v1"
        case .serviceCIDRs: "networking.k8s.io/v1"
        }
    }
}
