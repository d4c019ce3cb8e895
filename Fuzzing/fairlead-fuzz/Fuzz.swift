import KubernetesAPI

/// What libFuzzer calls with whatever it makes up; its own `main` does the rest. Built and run by
/// scripts/fuzz.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    // The bytes are libFuzzer's and stay until this returns.
    FuzzInput(UnsafeBufferPointer(start: data, count: size))?.run()
    return 0
}

/// Two bytes that choose a decoder and how the bytes are cut, then what is decoded.
struct FuzzInput {
    private let resource: KubernetesResource
    private let mediaType: APIMediaType
    private let kind: UInt8
    private let pieceBytes: Int
    private let bytes: [UInt8]

    init?(_ data: UnsafeBufferPointer<UInt8>) {
        guard data.count >= 2 else { return nil }
        let all = KubernetesResource.allCases
        resource = all[Int(data[0] & 3) % all.count]
        mediaType = data[0] & 4 == 0 ? .protobuf : .json
        kind = data[0] >> 3 & 3
        pieceBytes = Int(data[1]) + 1
        bytes = Array(data.dropFirst(2))
    }

    /// Whole and in pieces the bytes mean the same, or are an error in both.
    func run() {
        switch kind {
        case 0: _ = decodeStatus(bytes, mediaType: mediaType)
        case 1:
            let events = try? watch(bytes.count)
            precondition(events == (try? watch(pieceBytes)), "a watch depends on its pieces")
        default:
            let objects = try? list(bytes.count)
            precondition(objects == (try? list(pieceBytes)), "a list depends on its pieces")
        }
    }

    private func list(_ pieceBytes: Int) throws -> [APIObject] {
        var decoder = ListDecoder(resource: resource, mediaType: mediaType)
        var objects: [APIObject] = []
        for piece in pieces(pieceBytes) { objects += try decoder.feed(piece.span) }
        _ = try decoder.finish()
        return objects
    }

    private func watch(_ pieceBytes: Int) throws -> [WatchEvent] {
        var decoder = WatchDecoder(resource: resource, mediaType: mediaType)
        var events: [WatchEvent] = []
        for piece in pieces(pieceBytes) { events += try decoder.feed(piece.span) }
        try decoder.finish()
        return events
    }

    private func pieces(_ count: Int) -> [ArraySlice<UInt8>] {
        stride(from: 0, to: bytes.count, by: max(count, 1)).map {
            bytes[$0..<min($0 + max(count, 1), bytes.count)]
        }
    }
}
