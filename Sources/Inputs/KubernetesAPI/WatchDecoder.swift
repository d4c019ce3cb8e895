/// Reads the body of a watch as it comes in. An event is at most `MessageLimits.event` long.
package struct WatchDecoder: Sendable {
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
