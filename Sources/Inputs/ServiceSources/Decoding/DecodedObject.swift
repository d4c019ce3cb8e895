package import ServiceModel

/// One object of a manifest that concerns the proxy, and its position.
package struct DecodedObject: Sendable, Equatable {
    /// The decoded object.
    package enum Content: Sendable, Equatable {
        case service(Service)
        case slice(EndpointSlice)
        /// A valid Service or slice that this proxy does not serve (headless, ExternalName, another
        /// proxy's); recorded so that it does not count as missing.
        case ignored
    }

    /// Identity within a file: two objects with the same key are duplicates.
    package struct Key: Sendable, Hashable, Comparable {
        package var kind: String
        package var namespace: String
        package var name: String

        /// The Service it is or belongs to, as far as the name shows that.
        var service: ServiceName? {
            switch kind {
            case "Service": ServiceName(namespace: namespace, name: name)
            case "EndpointSlice": ServiceName(ofSlice: name, namespace: namespace)
            default: nil
            }
        }

        package static func < (left: Key, right: Key) -> Bool {
            (left.kind, left.namespace, left.name) < (right.kind, right.namespace, right.name)
        }
    }

    package var key: Key
    package var line: Int
    package var contents: [Content]
}

/// An object that could not be used, or one of its values that was left out.
package struct BadObject: Sendable, Equatable {
    /// If the object is not among the good ones, its last good version stays in use; nil if not
    /// even its name could be read.
    package var key: DecodedObject.Key?
    package var line: Int
    package var reason: String
}

/// Everything in one manifest, good and bad.
package struct DecodedManifest: Sendable, Equatable {
    package var objects: [DecodedObject] = []
    package var bad: [BadObject] = []
    /// Part of the text could not be split into objects, so an absent object may only be
    /// unreadable.
    package var isTorn = false
    /// The line of each object.
    var lines: [DecodedObject.Key: Int] = [:]

    package init() {}
}
