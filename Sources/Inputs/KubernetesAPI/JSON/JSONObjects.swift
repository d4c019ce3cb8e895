import KubernetesObjects

extension KubernetesResource {
    /// The object of a list element. An undecodable object is `bad`, if at least its name can be
    /// decoded.
    func object(
        json bytes: [UInt8],
        _ settings: DecodingSettings
    ) throws(APIDecodingError) -> APIObject {
        let wire: WireObject
        do throws(ObjectError) {
            wire = try wireObject(bytes)
        } catch {
            return try badObject(error) { () throws(ObjectError) in
                try JSONDocument.decode(JSONNamed.self, bytes)
            }
        }
        return try wire.object(settings)
    }

    /// The object of a watch event.
    func object(
        jsonEvent bytes: [UInt8],
        _ settings: DecodingSettings
    ) throws(APIDecodingError) -> APIObject {
        let wire: WireObject
        do throws(ObjectError) {
            wire = try wireObject(event: bytes)
        } catch {
            return try badObject(error) { () throws(ObjectError) in
                try JSONDocument.decode(JSONEvent<JSONNamed>.self, bytes).object
            }
        }
        return try wire.object(settings)
    }

    private func badObject(
        _ error: ObjectError,
        _ read: () throws(ObjectError) -> JSONNamed
    ) throws(APIDecodingError) -> APIObject {
        guard let metadata = try? read().metadata else {
            throw APIDecodingError(reason: "not valid API server JSON: \(error)")
        }
        return try APIObject(
            named: metadata.namespace,
            metadata.name,
            resourceVersion: metadata.resourceVersion,
            content: .bad(reason: error.description)
        )
    }

    private func wireObject(_ bytes: [UInt8]) throws(ObjectError) -> WireObject {
        switch self {
        case .services: .service(try JSONDocument.decode(WireService.self, bytes))
        case .endpointSlices: .slice(try JSONDocument.decode(WireEndpointSlice.self, bytes))
        case .nodes: .node(try JSONDocument.decode(WireNode.self, bytes))
        case .serviceCIDRs: .serviceCIDR(try JSONDocument.decode(WireServiceCIDR.self, bytes))
        }
    }

    private func wireObject(event bytes: [UInt8]) throws(ObjectError) -> WireObject {
        switch self {
        case .services:
            .service(try JSONDocument.decode(JSONEvent<WireService>.self, bytes).object)
        case .endpointSlices:
            .slice(try JSONDocument.decode(JSONEvent<WireEndpointSlice>.self, bytes).object)
        case .nodes:
            .node(try JSONDocument.decode(JSONEvent<WireNode>.self, bytes).object)
        case .serviceCIDRs:
            .serviceCIDR(try JSONDocument.decode(JSONEvent<WireServiceCIDR>.self, bytes).object)
        }
    }
}
