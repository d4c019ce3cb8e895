import KubernetesAPI

/// The lists of a cluster as its API server writes them, of the usual proportions: about 2.5 KB a
/// Service and 4.3 KB a slice of ten endpoints in protobuf, more than half of it `managedFields`.
struct APIBodies {
    var services: Int
    var endpoints: Int

    /// Calls `take` with one piece of the body of a list after another.
    func list(
        _ resource: KubernetesResource,
        _ type: APIMediaType,
        _ take: ([UInt8]) throws -> Void
    ) throws {
        let items = (0..<services).lazy.map { item($0, resource, type) }
        switch type {
        case .protobuf:
            let lengths = items.reduce(0) { $0 + WireMessage.length(of: $1.count) }
            var meta = WireMessage()
            meta.text(2, "123456789")
            let head = WireMessage.field(1, meta.bytes)
            var type = WireMessage()
            type.text(1, resource.apiVersion)
            type.text(2, resource.kind + "List")
            try take(
                Array("k8s\u{0}".utf8) + WireMessage.field(1, type.bytes)
                    + WireMessage.head(2, head.count + lengths) + head
            )
            for item in items { try take(WireMessage.field(2, item)) }
        case .json:
            let kind = #"{"kind":"\#(resource.kind)List","apiVersion":"\#(resource.apiVersion)","#
            try take(Array((kind + #""metadata":{"resourceVersion":"123456789"},"items":["#).utf8))
            for (index, item) in items.enumerated() {
                try take((index == 0 ? [] : [UInt8(ascii: ",")]) + item)
            }
            try take(Array("]}".utf8))
        }
    }

    private func item(
        _ index: Int,
        _ resource: KubernetesResource,
        _ type: APIMediaType
    ) -> [UInt8] {
        let object = APIBodyObject(index: index, endpoints: endpoints)
        return switch (resource, type) {
        case (.services, .protobuf): object.protobufService
        case (.services, .json): Array(object.jsonService.utf8)
        case (_, .protobuf): object.protobufSlice
        case (_, .json): Array(object.jsonSlice.utf8)
        }
    }
}

/// Writes protobuf.
struct WireMessage {
    private(set) var bytes: [UInt8] = []

    mutating func text(_ number: UInt64, _ text: String) {
        bytes += Self.field(number, Array(text.utf8))
    }

    mutating func number(_ number: UInt64, _ value: UInt64) {
        bytes += Self.varint(number << 3) + Self.varint(value)
    }

    mutating func message(_ number: UInt64, _ fill: (inout WireMessage) -> Void) {
        var message = WireMessage()
        fill(&message)
        bytes += Self.field(number, message.bytes)
    }

    mutating func pair(_ number: UInt64, _ key: String, _ value: String) {
        message(number) {
            $0.text(1, key)
            $0.text(2, value)
        }
    }

    static func field(_ number: UInt64, _ bytes: [UInt8]) -> [UInt8] {
        head(number, bytes.count) + bytes
    }

    static func head(_ number: UInt64, _ count: Int) -> [UInt8] {
        varint(number << 3 | 2) + varint(UInt64(count))
    }

    /// Of a field of so many bytes whose number is below 16.
    static func length(of count: Int) -> Int { 1 + varint(UInt64(count)).count + count }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}
