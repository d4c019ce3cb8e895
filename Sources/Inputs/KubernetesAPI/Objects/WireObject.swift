import Addressing
import KubernetesObjects
import PrintableText
import ServiceModel

/// An API object, independent of its encoding.
enum WireObject {
    case service(WireService)
    case slice(WireEndpointSlice)
    case node(WireNode)
    case serviceCIDR(WireServiceCIDR)

    var metadata: WireMetadata? {
        switch self {
        case .service(let service): service.metadata
        case .slice(let slice): slice.metadata
        case .node(let node): node.metadata
        case .serviceCIDR(let range): range.metadata
        }
    }

    /// The decoded object. An unusable object becomes `bad`.
    func object(_ settings: DecodingSettings) throws(APIDecodingError) -> APIObject {
        var object = try APIObject(
            named: metadata?.namespace,
            metadata?.name,
            resourceVersion: metadata?.resourceVersion
        )
        var leftOut: [ObjectError] = []
        do throws(ObjectError) {
            object.content = try content(object.key, settings, &leftOut)
            object.leftOut = leftOut.map(\.description).shortened {
                "\($0) more values are left out"
            }
        } catch {
            object.content = .bad(reason: error.description)
        }
        return object
    }

    private func content(
        _ key: APIObject.Key,
        _ settings: DecodingSettings,
        _ leftOut: inout [ObjectError]
    ) throws(ObjectError) -> APIObject.Content {
        let name = try ObjectNames.objectName(key.name, FieldPath("metadata", "name"))
        switch self {
        case .service(let wire):
            let service = ServiceName(namespace: try namespace(key), name: name)
            return try wire.service(
                service,
                serviceProxyName: settings.serviceProxyName,
                leftOut: &leftOut
            ).map { .service($0) } ?? .ignored
        case .slice(let wire):
            let triggerTime =
                wire.metadata?.annotation(APITime.lastChangeAnnotation)
                .flatMap { APITime(rfc3339: $0) }
            return try wire.slice(namespace: try namespace(key), name: name, leftOut: &leftOut)
                .map { .slice($0, triggerTime: triggerTime) } ?? .ignored
        case .node(let wire): return .node(try wire.node(name))
        case .serviceCIDR(let wire): return .serviceCIDR(try wire.ranges())
        }
    }

    private func namespace(_ key: APIObject.Key) throws(ObjectError) -> String {
        try ObjectNames.objectName(key.namespace, FieldPath("metadata", "namespace"))
    }
}

extension APIObject {
    /// An object whose content is not known yet; throws without a name, because the object could
    /// not be identified.
    init(
        named namespace: String?,
        _ name: String?,
        resourceVersion: String?,
        content: Content = .ignored
    ) throws(APIDecodingError) {
        guard let name, !name.isEmpty else {
            throw APIDecodingError(reason: "an object has no metadata.name")
        }
        self.init(
            key: Key(namespace: namespace ?? "", name: name),
            resourceVersion: resourceVersion ?? "",
            content: content
        )
    }
}
