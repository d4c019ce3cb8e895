/// `discovery.k8s.io/v1 EndpointSlice` as encoded by the API, reduced to the fields a proxy reads.
/// An absent field is nil; an empty text means the same.
package struct WireEndpointSlice: Sendable, Equatable, Decodable {
    package var metadata: WireMetadata?
    package var addressType: String?
    package var ports: [Port]?
    package var endpoints: [Endpoint]?

    package init() {}

    package struct Port: Sendable, Equatable, Decodable {
        package var name: String?
        package var `protocol`: String?
        package var port: Int?

        package init() {}
    }

    package struct Endpoint: Sendable, Equatable, Decodable {
        package var addresses: [String]?
        package var conditions: Conditions?
        package var nodeName: String?
        package var zone: String?
        package var hints: Hints?

        package init() {}
    }

    package struct Conditions: Sendable, Equatable, Decodable {
        package var ready: Bool?
        package var serving: Bool?
        package var terminating: Bool?

        package init() {}
    }

    package struct Hints: Sendable, Equatable, Decodable {
        package var forZones: [Hint]?
        package var forNodes: [Hint]?

        package init() {}
    }

    package struct Hint: Sendable, Equatable, Decodable {
        package var name: String?

        package init() {}
    }
}
