/// `v1 Service` as encoded by the API, reduced to the fields a proxy reads. An absent field is nil;
/// an empty text means the same.
package struct WireService: Sendable, Equatable, Decodable {
    package var metadata: WireMetadata?
    package var spec: Spec?
    package var status: Status?

    package init() {}

    package struct Spec: Sendable, Equatable, Decodable {
        package var type: String?
        package var clusterIP: String?
        package var clusterIPs: [String]?
        package var ports: [Port]?
        package var externalIPs: [String]?
        package var loadBalancerSourceRanges: [String]?
        package var externalTrafficPolicy: String?
        package var internalTrafficPolicy: String?
        package var healthCheckNodePort: Int?
        package var sessionAffinity: String?
        package var sessionAffinityConfig: AffinityConfig?

        package init() {}
    }

    package struct Port: Sendable, Equatable, Decodable {
        package var name: String?
        package var `protocol`: String?
        package var port: Int?
        package var nodePort: Int?

        package init() {}
    }

    package struct AffinityConfig: Sendable, Equatable, Decodable {
        package var clientIP: ClientIP?

        package init() {}
    }

    package struct ClientIP: Sendable, Equatable, Decodable {
        package var timeoutSeconds: Int?

        package init() {}
    }

    package struct Status: Sendable, Equatable, Decodable {
        package var loadBalancer: LoadBalancer?

        package init() {}
    }

    package struct LoadBalancer: Sendable, Equatable, Decodable {
        package var ingress: [Ingress]?

        package init() {}
    }

    package struct Ingress: Sendable, Equatable, Decodable {
        package var ip: String?
        package var ipMode: String?

        package init() {}
    }
}
