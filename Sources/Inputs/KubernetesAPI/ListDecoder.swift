/// Decodes the body of a list as it arrives, one object at a time: at most one object's bytes are
/// kept.
package struct ListDecoder: Sendable {
    /// Exactly one of these two is set.
    private var protobuf: ProtobufListReader?
    private var json: JSONListReader?

    package init(
        resource: KubernetesResource,
        mediaType: APIMediaType,
        settings: DecodingSettings = DecodingSettings()
    ) {
        switch mediaType {
        case .protobuf: protobuf = ProtobufListReader(resource, settings)
        case .json: json = JSONListReader(resource, settings)
        }
    }

    /// The objects that end in `bytes`. A body that is a Status is thrown as `APIStatus` here or by
    /// `finish`, any other that is not a list of the resource as `APIDecodingError`. The objects
    /// are only valid once `finish` has returned.
    package mutating func feed(_ bytes: Span<UInt8>) throws -> [APIObject] {
        try protobuf?.feed(bytes) ?? json?.feed(bytes) ?? []
    }

    /// Ends the body; throws as `feed` does, and if the list is truncated.
    package mutating func finish() throws -> ListMetadata {
        guard let metadata = try protobuf?.finish() ?? json?.finish() else {
            throw APIDecodingError(reason: "the list is truncated")
        }
        return metadata
    }
}
