/// What a list says beside its objects.
package struct ListMetadata: Sendable, Hashable {
    /// To watch from.
    package var resourceVersion: String
    /// To get the next page with; empty after the last one.
    package var continueToken: String

    package init(resourceVersion: String, continueToken: String = "") {
        self.resourceVersion = resourceVersion
        self.continueToken = continueToken
    }
}

/// Reads the body of a list as it comes in, one object at a time: no more than the bytes of one
/// object are kept.
package struct ListDecoder: Sendable {
    package init(
        resource: KubernetesResource,
        mediaType: APIMediaType,
        settings: DecodingSettings = DecodingSettings()
    ) {}

    /// The objects that end in `bytes`. A body that is a Status is thrown as `APIStatus`, any other
    /// that is no list of the resource as `APIDecodingError`; the objects count only once `finish`
    /// has returned.
    package mutating func feed(_ bytes: Span<UInt8>) throws -> [APIObject] {
        throw APIDecodingError(reason: "not decoded yet")
    }

    /// Ends the body; throws as `feed` does, and if the list is cut short.
    package mutating func finish() throws -> ListMetadata {
        throw APIDecodingError(reason: "not decoded yet")
    }
}
