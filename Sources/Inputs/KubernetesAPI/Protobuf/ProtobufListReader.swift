/// Reads the envelope and the list inside it as bytes arrive.
struct ProtobufListReader: Sendable {
    static let maximumMetadataBytes = 1 << 20

    /// Field numbers of every list message.
    private enum ListField {
        static let metadata = 1
        static let items = 2
    }

    private enum Stage {
        case magic
        case envelope
        case list
        case status
    }

    private let resource: KubernetesResource
    private let settings: DecodingSettings
    private var stage = Stage.magic
    private var hasList = false
    private var typeIsKnown = false
    /// Of the list message.
    private var bytesLeft = 0
    /// Of an unused field.
    private var bytesToSkip = 0
    private var pending = PendingBytes()
    private var metadata = ProtoListMeta()
    private var objects: [APIObject] = []

    init(_ resource: KubernetesResource, _ settings: DecodingSettings) {
        self.resource = resource
        self.settings = settings
    }

    mutating func feed(_ bytes: Span<UInt8>) throws -> [APIObject] {
        var pending = pending
        self.pending = PendingBytes()
        defer { self.pending = pending }
        try pending.consume(bytes) { try walk($0) }
        defer { objects = [] }
        return objects
    }

    mutating func finish() throws -> ListMetadata {
        guard hasList, stage == .envelope, bytesToSkip == 0, pending.isEmpty else {
            throw APIDecodingError(reason: "the list is truncated")
        }
        return ListMetadata(
            resourceVersion: metadata.resourceVersion,
            continueToken: metadata.continue
        )
    }

    /// Reads as far as `bytes` allow; returns the number of bytes consumed.
    private mutating func walk(_ bytes: Span<UInt8>) throws -> Int {
        var position = 0
        while true {
            if bytesToSkip > 0 {
                let count = min(bytesToSkip, bytes.count - position)
                advance(&position, by: count)
                bytesToSkip -= count
                if bytesToSkip > 0 { return position }
            }
            guard try step(bytes, &position) else { return position }
        }
    }

    /// Reads one field; false if that needs more bytes.
    private mutating func step(_ bytes: Span<UInt8>, _ position: inout Int) throws -> Bool {
        switch stage {
        case .magic:
            let size = ProtobufEnvelope.magic.count
            guard bytes.count - position >= size else { return false }
            try ProtobufEnvelope.checkMagic(bytes.extracting(position..<position + size))
            position += size
            stage = .envelope
            return true
        case .envelope, .status: return try stepInEnvelope(bytes, &position)
        case .list:
            if bytesLeft == 0 {
                stage = .envelope
                return true
            }
            return try stepInList(bytes, &position)
        }
    }

    private mutating func stepInEnvelope(
        _ bytes: Span<UInt8>,
        _ position: inout Int
    ) throws -> Bool {
        guard let field = try WireField(bytes, at: position) else { return false }
        switch (field.number, field.payload) {
        case (ProtobufEnvelope.typeMeta, .bytes):
            guard let payload = try payload(field, bytes, position, maximum: 1 << 16) else {
                return false
            }
            try take(ProtoTypeMeta(wire: bytes.extracting(payload)))
            position = payload.upperBound
        case (ProtobufEnvelope.raw, .bytes) where stage == .status:
            let maximum = Self.maximumMetadataBytes
            guard let payload = try payload(field, bytes, position, maximum: maximum) else {
                return false
            }
            throw APIStatus(try ProtoStatus(wire: bytes.extracting(payload)))
        case (ProtobufEnvelope.raw, .bytes(let count)):
            guard typeIsKnown, !hasList else {
                throw APIDecodingError(reason: "a protobuf list without a kind")
            }
            position += field.size
            bytesLeft = count
            hasList = true
            stage = .list
        case (ProtobufEnvelope.contentEncoding, .bytes(let count)):
            try ProtobufEnvelope.checkEncoding(count)
            position += field.size
        default:
            position += field.size
            bytesToSkip = field.payloadSize
        }
        return true
    }

    private mutating func take(_ type: ProtoTypeMeta) throws(APIDecodingError) {
        typeIsKnown = true
        if type.kind == "Status" {
            stage = .status
            return
        }
        try resource.check(apiVersion: type.apiVersion, kind: type.kind, isList: true)
    }

    private mutating func stepInList(_ bytes: Span<UInt8>, _ position: inout Int) throws -> Bool {
        guard let field = try WireField(bytes, at: position) else { return false }
        guard field.size <= bytesLeft, field.payloadSize <= bytesLeft - field.size else {
            throw APIDecodingError(reason: "not protobuf: a field is longer than its list")
        }
        switch (field.number, field.payload) {
        case (ListField.metadata, .bytes):
            let maximum = Self.maximumMetadataBytes
            guard let payload = try payload(field, bytes, position, maximum: maximum) else {
                return false
            }
            metadata = try ProtoListMeta(wire: bytes.extracting(payload))
            advance(&position, by: field.size + payload.count)
        case (ListField.items, .bytes):
            let maximum = MessageLimits.item
            guard let payload = try payload(field, bytes, position, maximum: maximum) else {
                return false
            }
            objects.append(
                try resource.object(protobuf: bytes.extracting(payload), settings)
            )
            advance(&position, by: field.size + payload.count)
        default:
            advance(&position, by: field.size)
            bytesToSkip = field.payloadSize
        }
        return true
    }

    /// The range of a field's payload; nil if it is incomplete.
    private func payload(
        _ field: WireField,
        _ bytes: Span<UInt8>,
        _ position: Int,
        maximum: Int
    ) throws(APIDecodingError) -> Range<Int>? {
        guard field.payloadSize <= maximum else {
            throw APIDecodingError(
                reason: "an object of \(field.payloadSize) bytes; the limit is \(maximum)"
            )
        }
        let start = position + field.size
        guard field.payloadSize <= bytes.count - start else { return nil }
        return start..<start + field.payloadSize
    }

    private mutating func advance(_ position: inout Int, by count: Int) {
        position += count
        if stage == .list { bytesLeft -= count }
    }
}
