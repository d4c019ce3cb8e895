/// Splits a watch into frames: four bytes of length, most significant first, then a bare
/// `meta.WatchEvent` with an enveloped object.
struct ProtobufWatchReader: Sendable {
    private static let lengthSize = 4

    private let resource: KubernetesResource
    private let settings: DecodingSettings
    private var pending = PendingBytes()

    init(_ resource: KubernetesResource, _ settings: DecodingSettings) {
        self.resource = resource
        self.settings = settings
    }

    mutating func feed(_ bytes: Span<UInt8>) throws -> [WatchEvent] {
        var events: [WatchEvent] = []
        let decoder = ProtobufEventDecoder(resource: resource, settings: settings)
        try pending.consume(bytes) { bytes in
            var position = 0
            while let frame = try Self.frame(bytes, at: position) {
                events.append(try decoder.event(bytes.extracting(frame)))
                position = frame.upperBound
            }
            return position
        }
        return events
    }

    func finish() throws {
        guard pending.isEmpty else { throw APIDecodingError(reason: "an event is truncated") }
    }

    /// The range of the body of the frame at `position`; nil if it is incomplete.
    static func frame(
        _ bytes: Span<UInt8>,
        at position: Int
    ) throws(APIDecodingError) -> Range<Int>? {
        guard bytes.count - position >= lengthSize else { return nil }
        var length = 0
        for index in position..<position + lengthSize { length = length << 8 | Int(bytes[index]) }
        guard length > 0 else { throw APIDecodingError(reason: "an event of 0 bytes") }
        guard length <= MessageLimits.event else {
            throw APIDecodingError(
                reason:
                    "an event of \(length) bytes; at most \(MessageLimits.event) are taken"
            )
        }
        let start = position + lengthSize
        guard length <= bytes.count - start else { return nil }
        return start..<start + length
    }
}

/// Decodes the body of one frame.
struct ProtobufEventDecoder {
    let resource: KubernetesResource
    let settings: DecodingSettings

    /// Field numbers of `meta.WatchEvent` and of its `runtime.RawExtension`.
    enum Field {
        static let type = 1
        static let object = 2
        static let raw = 1
    }

    func event(_ frame: Span<UInt8>) throws(APIDecodingError) -> WatchEvent {
        var type: WatchEventType?
        var object: Range<Int>?
        try frame.forEachWireField { (field, range) throws(APIDecodingError) in
            switch (field.number, field.payload) {
            case (Field.type, .bytes):
                type = try WatchEventType(frame.extracting(range).text())
            case (Field.object, .bytes):
                try frame.extracting(range).forEachWireField { (field, inner) in
                    if field.number == Field.raw, case .bytes = field.payload {
                        object =
                            range.lowerBound + inner.lowerBound..<range.lowerBound
                            + inner.upperBound
                    }
                }
            default: break
            }
        }
        guard let type, let object else {
            throw APIDecodingError(reason: "an event without a type or an object")
        }
        return try event(type, frame.extracting(object))
    }

    private func event(
        _ type: WatchEventType,
        _ enveloped: Span<UInt8>
    ) throws(APIDecodingError) -> WatchEvent {
        let envelope = try ProtobufEnvelope(enveloped)
        let message = enveloped.extracting(envelope.raw)
        if type == .error {
            guard envelope.kind == "Status" else {
                throw APIDecodingError(reason: "an ERROR event without a Status")
            }
            return .failed(APIStatus(try ProtoStatus(wire: message)))
        }
        try resource.check(apiVersion: envelope.apiVersion, kind: envelope.kind, isList: false)
        if type == .bookmark {
            let metadata = try ProtoBookmark(wire: message).metadata
            return .bookmark(
                resourceVersion: metadata.resourceVersion,
                annotations: metadata.annotations
            )
        }
        return type.event(try resource.object(protobuf: message, settings))
    }
}
