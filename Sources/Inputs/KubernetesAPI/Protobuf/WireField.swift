import PrintableText

/// The tag of one protobuf field, and the size of its payload.
struct WireField {
    enum Payload {
        case number(UInt64)
        /// Text, bytes or a message, of this length.
        case bytes(Int)
        /// 4 or 8 bytes of a fixed width.
        case fixed(Int)
    }

    var number: Int
    var payload: Payload
    /// Bytes of the tag and length themselves.
    var size: Int

    /// Bytes of the payload.
    var payloadSize: Int {
        switch payload {
        case .number: 0
        case .bytes(let count), .fixed(let count): count
        }
    }

    /// Reads the tag at `position`; nil if `bytes` end inside it.
    init?(_ bytes: Span<UInt8>, at position: Int) throws(APIDecodingError) {
        var next = position
        guard let tag = try Self.varint(bytes, &next) else { return nil }
        guard (8...UInt64(UInt32.max)).contains(tag) else {
            throw APIDecodingError(reason: "not protobuf: field number out of range")
        }
        number = Int(tag >> 3)
        switch tag & 7 {
        case 0:
            guard let value = try Self.varint(bytes, &next) else { return nil }
            payload = .number(value)
        case 1: payload = .fixed(8)
        case 2:
            guard let length = try Self.varint(bytes, &next) else { return nil }
            guard length <= UInt64(Int.max / 2) else {
                throw APIDecodingError(reason: "not protobuf: a field length that is out of range")
            }
            payload = .bytes(Int(length))
        case 5: payload = .fixed(4)
        default: throw APIDecodingError(reason: "not protobuf: wire type \(tag & 7)")
        }
        size = next - position
    }

    private static func varint(
        _ bytes: Span<UInt8>,
        _ position: inout Int
    ) throws(APIDecodingError) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard position < bytes.count else { return nil }
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 {
                // The tenth byte holds only the highest bit.
                guard shift < 63 || byte <= 1 else { break }
                return value
            }
        }
        throw APIDecodingError(reason: "not protobuf: a number longer than 64 bits")
    }
}

extension Span<UInt8> {
    /// Calls `body` with each field of a complete message and the range of its payload.
    func forEachWireField(
        _ body: (WireField, Range<Int>) throws(APIDecodingError) -> Void
    ) throws(APIDecodingError) {
        var position = 0
        while position < count {
            guard let field = try WireField(self, at: position) else {
                throw APIDecodingError(reason: "not protobuf: truncated")
            }
            let start = position + field.size
            guard field.payloadSize <= count - start else {
                throw APIDecodingError(reason: "not protobuf: truncated")
            }
            position = start + field.payloadSize
            try body(field, start..<position)
        }
    }

    /// The bytes as text, with invalid UTF-8 replaced.
    func text() -> String {
        // Copied before the pointer ends.
        unsafe withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
