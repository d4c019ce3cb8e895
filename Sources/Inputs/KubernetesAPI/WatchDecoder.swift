/// Decodes the body of a watch as it arrives. An event has at most `maximumEventBytes`.
package struct WatchDecoder: Sendable {
    /// Longer events are rejected, as in client-go.
    package static let maximumEventBytes = 16 << 20

    /// Exactly one of these two is set.
    private var protobuf: ProtobufWatchReader?
    private var json: JSONWatchReader?

    package init(
        resource: KubernetesResource,
        mediaType: APIMediaType,
        settings: DecodingSettings = DecodingSettings()
    ) {
        switch mediaType {
        case .protobuf: protobuf = ProtobufWatchReader(resource, settings)
        case .json: json = JSONWatchReader(resource, settings)
        }
    }

    /// The events that end in `bytes`. Throws `APIDecodingError` for anything but a watch of the
    /// resource.
    package mutating func feed(_ bytes: Span<UInt8>) throws -> [WatchEvent] {
        try protobuf?.feed(bytes) ?? json?.feed(bytes) ?? []
    }

    /// Ends the body; throws if an event is truncated.
    package mutating func finish() throws {
        try protobuf?.finish()
        try json?.finish()
    }
}
