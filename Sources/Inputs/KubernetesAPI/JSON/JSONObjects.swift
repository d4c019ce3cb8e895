import KubernetesObjects

extension KubernetesResource {
    /// The object of a list's element or, with `isEvent`, of a watch event. An undecodable object is
    /// `bad`.
    ///
    /// - Throws: if not even the object's name can be decoded.
    func object(
        json bytes: [UInt8],
        isEvent: Bool,
        _ settings: DecodingSettings
    ) throws(APIDecodingError) -> APIObject {
        func decode<Object: Decodable>(_ type: Object.Type) throws(ObjectError) -> Object {
            isEvent
                ? try JSONDocument.decode(JSONEvent<Object>.self, bytes).object
                : try JSONDocument.decode(type, bytes)
        }
        let wire: WireObject
        do throws(ObjectError) {
            switch self {
            case .services: wire = .service(try decode(WireService.self))
            case .endpointSlices: wire = .slice(try decode(WireEndpointSlice.self))
            case .nodes: wire = .node(try decode(WireNode.self))
            case .serviceCIDRs: wire = .serviceCIDR(try decode(WireServiceCIDR.self))
            }
        } catch {
            guard let metadata = try? decode(JSONNamed.self).metadata else {
                throw APIDecodingError(reason: "not valid API server JSON: \(error)")
            }
            return try APIObject(
                named: metadata.namespace,
                metadata.name,
                resourceVersion: metadata.resourceVersion,
                content: .bad(reason: error.description)
            )
        }
        return try wire.object(settings)
    }
}
