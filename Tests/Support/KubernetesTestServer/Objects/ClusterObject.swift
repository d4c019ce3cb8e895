package import Addressing
package import ServiceModel
import Synchronization

/// What an object of the cluster says.
package enum ClusterContent: Sendable, Hashable {
    case service(Service)
    /// `triggerTime` is the text of the annotation of that name.
    case slice(EndpointSlice, triggerTime: String? = nil)
    case node(ClusterNode)
    case serviceCIDR(name: String, [IPPrefix])

    package var resource: ServedResource {
        switch self {
        case .service: .services
        case .slice: .endpointSlices
        case .node: .nodes
        case .serviceCIDR: .serviceCIDRs
        }
    }

    package var key: ClusterKey {
        switch self {
        case .service(let service):
            ClusterKey(namespace: service.name.namespace, name: service.name.name)
        case .slice(let slice, _):
            ClusterKey(namespace: slice.service.namespace, name: slice.name)
        case .node(let node): ClusterKey(namespace: "", name: node.name)
        case .serviceCIDR(let name, _): ClusterKey(namespace: "", name: name)
        }
    }
}

/// A Node, as far as a proxy reads it.
package struct ClusterNode: Sendable, Hashable {
    package var name: String
    package var zone: String?
    package var addresses: [IPAddress]
    package var podCIDRs: [IPPrefix]

    package init(
        name: String,
        zone: String? = nil,
        addresses: [IPAddress] = [],
        podCIDRs: [IPPrefix] = []
    ) {
        self.name = name
        self.zone = zone
        self.addresses = addresses
        self.podCIDRs = podCIDRs
    }
}

package struct ClusterKey: Sendable, Hashable, Comparable {
    package var namespace: String
    package var name: String

    package init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }

    package static func < (left: ClusterKey, right: ClusterKey) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }
}

/// One version of an object. It is encoded once per encoding, when first asked for.
final class ClusterObject: Sendable {
    let content: ClusterContent
    let version: Int
    private let encoded = Mutex<[ServedEncoding: [UInt8]]>([:])

    init(_ content: ClusterContent, version: Int) {
        self.content = content
        self.version = version
    }

    /// The object without its kind around it, as it stands in a list.
    func bytes(_ encoding: ServedEncoding) -> [UInt8] {
        if let bytes = encoded.withLock({ $0[encoding] }) { return bytes }
        let bytes =
            switch encoding {
            case .protobuf: ProtobufObject.bytes(self)
            case .json: Array(JSONObject.text(self).utf8)
            }
        encoded.withLock { $0[encoding] = bytes }
        return bytes
    }
}
