import Addressing
import AnnotatedYAML
import ServiceModel

/// Decodes `discovery.k8s.io/v1 EndpointSlice` and the legacy `v1 Endpoints`.
enum KubernetesEndpoints {
    /// Nil for slices of host names, which no proxy can use, and of no Service.
    static func slice(
        _ object: Fields,
        namespace: String,
        name: String
    ) throws(FieldError) -> EndpointSlice? {
        let type = try object.requiredString("addressType")
        guard type != "FQDN" else { return nil }
        guard let family = IPFamily(rawValue: type) else {
            throw object.error("addressType", "\(quoted(type)) is not one of IPv4, IPv6, FQDN")
        }
        let labels = try object.fields("metadata")?.fields("labels")
        guard let service = try labels?.string("kubernetes.io/service-name"), !service.isEmpty
        else {
            throw FieldError(
                line: object.line,
                path: "metadata.labels",
                reason: "label kubernetes.io/service-name is missing"
            )
        }
        guard ObjectNames.isObjectName(service) else {
            throw FieldError(
                line: object.line,
                path: "metadata.labels",
                reason: "\(quoted(service)) is no valid Service name"
            )
        }
        var slice = EndpointSlice(
            name: name,
            service: ServiceName(namespace: namespace, name: service),
            family: family,
            ports: [],
            endpoints: []
        )
        for (value, path) in try object.list("ports") {
            if let port = try slicePort(Fields(value, path: path)) { slice.ports.append(port) }
        }
        let weights = try WeightAnnotation(object)
        for (value, path) in try object.list("endpoints") {
            let fields = try Fields(value, path: path)
            guard var endpoint = try endpoint(fields, family) else { continue }
            endpoint.weight = weights.weight(of: endpoint.address)
            slice.endpoints.append(endpoint)
        }
        return slice
    }

    /// Nil for a port without a number, which would mean all ports.
    private static func slicePort(_ fields: Fields) throws(FieldError) -> EndpointPort? {
        let number = try fields.integer("port", in: 0...65535) ?? 0
        guard let port = PortNumber(number) else { return nil }
        return EndpointPort(
            name: try fields.portName(),
            transport: try fields.transport(),
            port: port
        )
    }

    private static func endpoint(
        _ fields: Fields,
        _ family: IPFamily
    ) throws(FieldError) -> Endpoint? {
        guard let first = try fields.strings("addresses").first else { return nil }
        guard let address = IPAddress(first.text), address.family == family else {
            throw FieldError(
                line: first.line,
                path: first.path,
                reason: "\(quoted(first.text)) is no \(family.rawValue) address"
            )
        }
        var endpoint = Endpoint(address: address)
        if let conditions = try fields.fields("conditions") {
            endpoint.ready = try conditions.boolean("ready") ?? true
            endpoint.serving = try conditions.boolean("serving") ?? true
            endpoint.terminating = try conditions.boolean("terminating") ?? false
        }
        endpoint.nodeName = try fields.string("nodeName")
        endpoint.zone = try fields.string("zone")
        if let hints = try fields.fields("hints") {
            endpoint.zoneHints = try names(hints, "forZones")
            endpoint.nodeHints = try names(hints, "forNodes")
        }
        return endpoint
    }

    private static func names(_ hints: Fields, _ field: String) throws(FieldError) -> [String] {
        var result: [String] = []
        for (value, path) in try hints.list(field) {
            result.append(try Fields(value, path: path).requiredString("name"))
        }
        return result
    }

    /// One slice for each subset and family.
    static func legacy(
        _ object: Fields,
        namespace: String,
        name: String
    ) throws(FieldError) -> [EndpointSlice] {
        var slices: [EndpointSlice] = []
        for (index, (value, path)) in try object.list("subsets").enumerated() {
            let subset = try Fields(value, path: path)
            var ports: [EndpointPort] = []
            for (value, path) in try subset.list("ports") {
                if let port = try slicePort(Fields(value, path: path)) { ports.append(port) }
            }
            let endpoints =
                try legacyEndpoints(subset, "addresses", ready: true)
                + legacyEndpoints(subset, "notReadyAddresses", ready: false)
            for family in IPFamily.allCases {
                let own = endpoints.filter { $0.address.family == family }
                guard !own.isEmpty else { continue }
                slices.append(
                    EndpointSlice(
                        name: "\(name)-endpoints-\(index)-\(family.rawValue.lowercased())",
                        service: ServiceName(namespace: namespace, name: name),
                        family: family,
                        ports: ports,
                        endpoints: own
                    )
                )
            }
        }
        return slices
    }

    private static func legacyEndpoints(
        _ subset: Fields,
        _ field: String,
        ready: Bool
    ) throws(FieldError) -> [Endpoint] {
        var result: [Endpoint] = []
        for (value, path) in try subset.list(field) {
            let fields = try Fields(value, path: path)
            guard let address = try fields.address("ip") else {
                throw fields.error("ip", "is missing")
            }
            result.append(
                Endpoint(
                    address: address,
                    ready: ready,
                    serving: ready,
                    nodeName: try fields.string("nodeName")
                )
            )
        }
        return result
    }
}
