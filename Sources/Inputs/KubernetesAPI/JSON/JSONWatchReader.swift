import KubernetesObjects

/// Reads a JSON watch event by event.
struct JSONWatchReader: Sendable {
    private let decoder: JSONEventDecoder
    private var splitter = JSONSplitter(.stream, maximumBytes: MessageLimits.event)

    init(_ resource: KubernetesResource, _ settings: DecodingSettings) {
        decoder = JSONEventDecoder(resource: resource, settings: settings)
    }

    mutating func feed(_ bytes: Span<UInt8>) throws -> [WatchEvent] {
        var events: [WatchEvent] = []
        let decoder = decoder
        try splitter.feed(bytes) { events.append(try decoder.event($0)) }
        return events
    }

    func finish() throws {
        guard splitter.isComplete else {
            throw APIDecodingError(reason: "an event is truncated")
        }
    }
}

/// Decodes one event.
struct JSONEventDecoder: Sendable {
    let resource: KubernetesResource
    let settings: DecodingSettings

    func event(_ bytes: [UInt8]) throws(APIDecodingError) -> WatchEvent {
        let head: JSONEventHead = try decode(bytes)
        guard let text = head.type, let object = head.object else {
            throw APIDecodingError(reason: "an event without a type or an object")
        }
        let type = try WatchEventType(text)
        if type == .error {
            guard object.kind == "Status" else {
                throw APIDecodingError(reason: "an ERROR event without a Status")
            }
            let event: JSONEvent<JSONStatus> = try decode(bytes)
            return .failed(event.object.status)
        }
        try resource.check(
            apiVersion: object.apiVersion ?? "",
            kind: object.kind ?? "",
            isList: false
        )
        if type == .bookmark {
            let event: JSONEvent<JSONBookmark> = try decode(bytes)
            return .bookmark(
                resourceVersion: event.object.metadata?.resourceVersion ?? "",
                annotations: event.object.metadata?.annotations ?? [:]
            )
        }
        return type.event(try resource.object(json: bytes, isEvent: true, settings))
    }

    private func decode<Value: Decodable>(
        _ bytes: [UInt8]
    ) throws(APIDecodingError) -> Value {
        do throws(ObjectError) {
            return try JSONDocument.decode(Value.self, bytes)
        } catch {
            throw APIDecodingError(reason: "not valid API server JSON: \(error)")
        }
    }
}
