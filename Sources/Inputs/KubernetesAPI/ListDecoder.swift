/// Reads the body of a list as it comes in, one object at a time: no more than the bytes of one
/// object are kept.
package struct ListDecoder: Sendable {
    /// Of these two one is there.
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
    /// `finish`, any other that is no list of the resource as `APIDecodingError`; the objects count
    /// only once `finish` has returned.
    package mutating func feed(_ bytes: Span<UInt8>) throws -> [APIObject] {
        try protobuf?.feed(bytes) ?? json?.feed(bytes) ?? []
    }

    /// Ends the body; throws as `feed` does, and if the list is cut short.
    package mutating func finish() throws -> ListMetadata {
        guard let metadata = try protobuf?.finish() ?? json?.finish() else {
            throw APIDecodingError(reason: "the list is cut short")
        }
        return metadata
    }
}
