package import Addressing
package import ServiceModel

/// One API object, reduced to the fields a proxy reads.
package struct APIObject: Sendable, Hashable {
    /// Unique among the objects of one resource.
    package struct Key: Sendable, Hashable, Comparable, CustomStringConvertible {
        /// Empty for cluster-scoped objects.
        package var namespace: String
        package var name: String

        /// `namespace/name`, or `name` without a namespace.
        package var description: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }

        package static func < (left: Key, right: Key) -> Bool {
            (left.namespace, left.name) < (right.namespace, right.name)
        }
    }

    /// The decoded object.
    package enum Content: Sendable, Hashable {
        case service(Service)
        /// `triggerTime` is when the endpoints last changed (annotation
        /// `endpoints.kubernetes.io/last-change-trigger-time`), if given.
        case slice(EndpointSlice, triggerTime: APITime?)
        case node(NodeObject)
        /// The ranges ClusterIPs are allocated from.
        case serviceCIDR([IPPrefix])
        /// Valid but not served by this proxy: headless, ExternalName, another proxy's, host names.
        case ignored
        /// Cannot be used; the reason names the field.
        case bad(reason: String)
    }

    package var key: Key
    /// Opaque: only compared for equality and sent back.
    package var resourceVersion: String
    package var content: Content
    /// Unusable values that were left out; the reasons name the fields.
    package var leftOut: [String] = []
}
