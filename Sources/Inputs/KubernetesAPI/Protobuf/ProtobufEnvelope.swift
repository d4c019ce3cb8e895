import PrintableText
import SwiftProtobuf

/// The envelope of every protobuf object: `k8s` and a zero byte, then a `runtime.Unknown` with the
/// kind and the object's own message.
struct ProtobufEnvelope {
    static let magic: [UInt8] = [0x6b, 0x38, 0x73, 0x00]
    /// Field numbers of `runtime.Unknown`.
    static let typeMeta = 1
    static let raw = 2
    static let contentEncoding = 3

    var apiVersion = ""
    var kind = ""
    /// The range of the message.
    var raw = 0..<0

    /// Reads a complete envelope.
    init(_ bytes: Span<UInt8>) throws(APIDecodingError) {
        try Self.checkMagic(bytes)
        let body = bytes.extracting(Self.magic.count..<bytes.count)
        var type: ProtoTypeMeta?
        var raw: Range<Int>?
        try body.forEachWireField { (field, range) throws(APIDecodingError) in
            switch (field.number, field.payload) {
            case (Self.typeMeta, .bytes):
                type = try ProtoTypeMeta(wire: body.extracting(range))
            case (Self.raw, .bytes): raw = range
            case (Self.contentEncoding, .bytes(let count)): try Self.checkEncoding(count)
            default: break
            }
        }
        guard let type else { throw APIDecodingError(reason: "a protobuf object without a kind") }
        apiVersion = type.apiVersion
        kind = type.kind
        if let raw {
            self.raw = raw.lowerBound + Self.magic.count..<raw.upperBound + Self.magic.count
        }
    }

    static func checkMagic(_ bytes: Span<UInt8>) throws(APIDecodingError) {
        let isMagic =
            bytes.count >= magic.count && magic.indices.allSatisfy { bytes[$0] == magic[$0] }
        guard isMagic else {
            throw APIDecodingError(reason: "not a protobuf object: it does not begin with k8s")
        }
    }

    /// The API server compresses whole responses, never a single object.
    static func checkEncoding(_ length: Int) throws(APIDecodingError) {
        guard length == 0 else {
            throw APIDecodingError(reason: "a protobuf object with a content encoding")
        }
    }
}

extension KubernetesResource {
    /// Rejects objects of another kind.
    func check(apiVersion: String, kind: String, isList: Bool) throws(APIDecodingError) {
        let wanted = isList ? self.kind + "List" : self.kind
        guard kind == wanted, apiVersion == self.apiVersion else {
            throw APIDecodingError(
                reason:
                    "\(quoted(apiVersion)) \(quoted(kind)) received instead of \(self.apiVersion) \(wanted)"
            )
        }
    }
}

extension Message {
    /// A generated message; unknown fields are skipped.
    init(wire bytes: Span<UInt8>) throws(APIDecodingError) {
        var options = BinaryDecodingOptions()
        options.discardUnknownFields = true
        options.messageDepthLimit = 16
        do {
            try unsafe self.init(serializedBytes: bytes.bytes, partial: true, options: options)
        } catch {
            throw APIDecodingError(reason: "not valid protobuf: \(printable("\(error)"))")
        }
    }
}
