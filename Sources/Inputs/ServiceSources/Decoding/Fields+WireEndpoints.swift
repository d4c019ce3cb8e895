import Addressing
import AnnotatedYAML
import KubernetesObjects
import ServiceModel

extension WireEndpointSlice {
    /// A malformed endpoint is added to `leftOut`.
    init(_ object: Fields, leftOut: inout [FieldError]) throws(FieldError) {
        self.init()
        metadata = try WireMetadata(object)
        addressType = try object.string("addressType")
        ports = try object.elements("ports", Port.init)
        endpoints = try object.elements(
            "endpoints",
            Endpoint.init,
            insteadOf: { (error) in
                leftOut.append(error.adding("this endpoint is left out"))
                // An endpoint without an address is ignored.
                return Endpoint()
            }
        )
    }
}

extension WireEndpointSlice.Port {
    fileprivate init(_ fields: Fields) throws(FieldError) {
        self.init()
        name = try fields.string("name")
        `protocol` = try fields.string("protocol")
        port = try fields.integer("port")
    }
}

extension WireEndpointSlice.Endpoint {
    fileprivate init(_ fields: Fields) throws(FieldError) {
        self.init()
        addresses = try fields.strings("addresses").map(\.text)
        if let given = try fields.fields("conditions") {
            var conditions = WireEndpointSlice.Conditions()
            conditions.ready = try given.boolean("ready")
            conditions.serving = try given.boolean("serving")
            conditions.terminating = try given.boolean("terminating")
            self.conditions = conditions
        }
        nodeName = try fields.string("nodeName")
        zone = try fields.string("zone")
        if let given = try fields.fields("hints") {
            var hints = WireEndpointSlice.Hints()
            hints.forZones = try given.elements("forZones", WireEndpointSlice.Hint.init)
            hints.forNodes = try given.elements("forNodes", WireEndpointSlice.Hint.init)
            self.hints = hints
        }
    }
}

extension WireEndpointSlice.Hint {
    fileprivate init(_ fields: Fields) throws(FieldError) {
        self.init()
        name = try fields.string("name")
    }
}

/// Decodes the legacy `v1 Endpoints`, which only occur in manifests.
enum LegacyEndpoints {
    /// One slice for each subset and family. Invalid addresses are added to `leftOut`.
    static func slices(
        _ object: Fields,
        namespace: String,
        name: String,
        leftOut: inout [FieldError]
    ) throws(FieldError) -> [EndpointSlice] {
        var slices: [EndpointSlice] = []
        for (index, (value, path)) in try object.list("subsets").enumerated() {
            let subset = try Fields(value, path: path)
            let wirePorts = try subset.elements("ports", WireEndpointSlice.Port.init)
            let ports = try subset.located { () throws(ObjectError) in
                try WireEndpointSlice.ports(wirePorts, FieldPath("ports"))
            }
            let endpoints =
                try endpoints(subset, "addresses", ready: true, &leftOut)
                + endpoints(subset, "notReadyAddresses", ready: false, &leftOut)
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
        let all = slices
        try object.located { () throws(ObjectError) in try ObjectLimits.check(all) }
        return slices
    }

    private static func endpoints(
        _ subset: Fields,
        _ field: String,
        ready: Bool,
        _ leftOut: inout [FieldError]
    ) throws(FieldError) -> [Endpoint] {
        var result: [Endpoint] = []
        for (value, path) in try subset.list(field) {
            do throws(FieldError) {
                result.append(try endpoint(Fields(value, path: path), ready: ready))
            } catch {
                leftOut.append(error.adding("this endpoint is left out"))
            }
        }
        return result
    }

    private static func endpoint(
        _ fields: Fields,
        ready: Bool
    ) throws(FieldError) -> Endpoint {
        guard let address = try fields.address("ip") else {
            throw fields.error("ip", "is missing")
        }
        if let reason = FieldValues.reasonAgainst(endpoint: address) {
            throw fields.error("ip", reason)
        }
        return Endpoint(
            address: address,
            ready: ready,
            serving: ready,
            nodeName: try fields.string("nodeName")
        )
    }
}
