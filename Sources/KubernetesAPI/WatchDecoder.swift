/// Reads the body of a watch as it comes in. An event is at most `maximumEventBytes` long.
package struct WatchDecoder: Sendable {
    /// Longer events are refused, as client-go does.
    package static let maximumEventBytes = 16 << 20

    package init(
        resource: KubernetesResource,
        mediaType: APIMediaType,
        settings: DecodingSettings = DecodingSettings()
    ) {}

    /// The events that end in `bytes`. Throws `APIDecodingError` for what is no watch of the
    /// resource.
    package mutating func feed(_ bytes: Span<UInt8>) throws -> [WatchEvent] {
        throw APIDecodingError(reason: "not decoded yet")
    }

    /// Ends the body; throws if an event is cut short.
    package mutating func finish() throws {
        throw APIDecodingError(reason: "not decoded yet")
    }
}
