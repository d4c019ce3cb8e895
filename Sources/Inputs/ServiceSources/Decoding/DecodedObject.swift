package import ServiceModel

/// What a manifest holds: one object of ours, and where it stands.
package struct DecodedObject: Sendable, Equatable {
    /// What the object is to the proxy.
    package enum Content: Sendable, Equatable {
        case service(Service)
        case slice(EndpointSlice)
        /// A Service or slice that is valid and none of our business (headless, ExternalName,
        /// another proxy's); known so that it is not taken for missing.
        case ignored
    }

    /// Identity within a file: two objects with one key are duplicates.
    package struct Key: Sendable, Hashable, Comparable {
        package var kind: String
        package var namespace: String
        package var name: String

        package init(kind: String, namespace: String, name: String) {
            self.kind = kind
            self.namespace = namespace
            self.name = name
        }

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

    package init(key: Key, line: Int, contents: [Content]) {
        self.key = key
        self.line = line
        self.contents = contents
    }
}

/// One object that could not be used, or a value of it that was left out.
package struct BadObject: Sendable, Equatable {
    /// If the object is not among the good ones, its last good version stays; nil when not even its
    /// name could be read.
    package var key: DecodedObject.Key?
    package var line: Int
    package var reason: String

    package init(key: DecodedObject.Key?, line: Int, reason: String) {
        self.key = key
        self.line = line
        self.reason = reason
    }
}

/// Everything in one manifest, good and bad.
package struct DecodedManifest: Sendable, Equatable {
    package var objects: [DecodedObject] = []
    package var bad: [BadObject] = []
    /// Some part could not even be split into objects, so what is absent may just be unreadable.
    package var isTorn = false
    /// Where each object stands.
    var lines: [DecodedObject.Key: Int] = [:]

    package init() {}
}
