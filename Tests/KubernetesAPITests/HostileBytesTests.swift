import KubernetesAPI
import TestSupport
import Testing

/// Bytes that no API server sends: an error or other objects, never a crash, and soon.
@Suite("Hostile bytes")
struct HostileBytesTests {
    private static let combinations = APIMediaType.allCases.flatMap { type in
        KubernetesResource.allCases.map { (type, $0) }
    }

    @Test("Every truncation is an error", arguments: combinations)
    func truncation(_ type: APIMediaType, _ resource: KubernetesResource) throws {
        let kind = try PythonObjects.make(seed: 61, count: 3)[resource]
        let list = kind.list.bytes(type)
        let end = list.lastIndex { type == .protobuf || $0 == UInt8(ascii: "}") } ?? 0
        // The envelope's last two fields are empty texts: four bytes that may be missing.
        for length in 0..<(type == .protobuf ? end - 4 : end) {
            #expect(throws: APIDecodingError.self, "\(length)") {
                try ListDecoder.decode([list.prefix(length)], resource, type)
            }
        }
        let watch = kind.watch.bytes(type)
        let whole = try WatchDecoder.decode([watch[...]], resource, type)
        for length in 0..<watch.count - 2 {
            var decoder = WatchDecoder(resource: resource, mediaType: type)
            let cut = Array(watch.prefix(length))
            let events = try decoder.feed(cut.span)
            #expect(events == Array(whole.prefix(events.count)))
            if (try? decoder.finish()) != nil { #expect(events.count < whole.count) }
        }
    }

    @Test("Changed bits and bytes make no crash", arguments: combinations)
    func changedBytes(_ type: APIMediaType, _ resource: KubernetesResource) throws {
        let kind = try PythonObjects.make(seed: 71, count: 6)[resource]
        var random = SplitMix64(seed: 71)
        for _ in 0..<400 {
            var list = kind.list.bytes(type)
            var watch = kind.watch.bytes(type)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                list.damage(&random)
                watch.damage(&random)
            }
            do { _ = try ListDecoder.decode(list.cut(4000, &random), resource, type) } catch {
                #expect(error is APIDecodingError || error is APIStatus, "\(error)")
                #expect("\(error)".utf8.count < 2000)
            }
            do { _ = try WatchDecoder.decode(watch.cut(4000, &random), resource, type) } catch {
                #expect(error is APIDecodingError, "\(error)")
            }
            _ = decodeStatus(list, mediaType: type)
        }
    }

    @Test(
        "A frame of no bytes, or of more than 16 MiB, is refused at once",
        arguments: [[0, 0, 0, 0], [1, 0, 0, 1], [0xff, 0xff, 0xff, 0xff]] as [[UInt8]]
    )
    func frames(_ bytes: [UInt8]) {
        var decoder = WatchDecoder(resource: .services, mediaType: .protobuf)
        #expect(throws: APIDecodingError.self) { try decoder.feed(bytes.span) }
    }

    @Test("An object that claims to be huge is refused before its bytes come")
    func hugeObject() {
        let raw: [UInt8] = [0x12, 0x80, 0x80, 0x80, 0x80, 0x10]
        let list =
            Self.listHead + [0x12, 0x80, 0x80, 0x80, 0x80, 0x20] + raw
        #expect(throws: APIDecodingError.self) {
            try ListDecoder.decode([list[...]], .services, .protobuf)
        }
    }

    @Test("Deep nesting is refused, not followed")
    func depth() {
        let json = Array(
            (#"{"kind":"ServiceList","apiVersion":"v1","items":[{"metadata":{"name":"#
                + String(repeating: #"{"a":["#, count: 100_000)).utf8
        )
        #expect(throws: APIDecodingError.self) {
            try ListDecoder.decode([json[...]], .services, .json)
        }
        let watch = Array(String(repeating: "[", count: 100_000).utf8)
        #expect(throws: APIDecodingError.self) {
            try WatchDecoder.decode([watch[...]], .services, .json)
        }
        var message: [UInt8] = []
        for _ in 0..<2000 {
            message = Self.lengthDelimited(2, message)
        }
        let list = Self.listHead + Self.lengthDelimited(2, Self.lengthDelimited(2, message))
        #expect(throws: APIDecodingError.self) {
            try ListDecoder.decode([list[...]], .services, .protobuf)
        }
    }

    @Test("One object of a wrong type is bad; the others of its list are not")
    func oneBadObject() throws {
        let json = """
            {"kind":"ServiceList","apiVersion":"v1","metadata":{"resourceVersion":"5"},"items":[
            {"metadata":{"namespace":"shop","name":"web","managedFields":[{"a":"]}"}]},
             "spec":{"clusterIP":"10.0.0.1","ports":[{"port":"eighty"}]}},
            {"metadata":{"namespace":"shop","name":"db"},
             "spec":{"clusterIP":"10.0.0.2","ports":[{"port":80}]}}]}
            """
        let (objects, _) = try ListDecoder.decode([Array(json.utf8)[...]], .services, .json)
        #expect(objects.map(\.key.description) == ["shop/web", "shop/db"])
        #expect(
            objects.first?.content == .bad(reason: "spec.ports[0].port: is not a whole number")
        )
        guard case .service = objects.last?.content else {
            Issue.record("\(objects)")
            return
        }
    }

    @Test("Invalid UTF-8 makes one object bad, not the others")
    func invalidText() throws {
        let name = Self.lengthDelimited(1, Array("web".utf8))
        let namespace = Self.lengthDelimited(3, Array("shop".utf8))
        let metadata = Self.lengthDelimited(1, name + namespace)
        let spec = Self.lengthDelimited(2, Self.lengthDelimited(3, [0xff, 0xfe]))
        let list =
            Self.listHead
            + Self.lengthDelimited(2, Self.lengthDelimited(2, metadata + spec))
        let (objects, _) = try ListDecoder.decode([list[...]], .services, .protobuf)
        #expect(objects.map(\.key.description) == ["shop/web"])
        guard case .bad = objects.first?.content else {
            Issue.record("\(objects)")
            return
        }
    }

    /// The envelope of a `v1 ServiceList` up to its message.
    private static let listHead: [UInt8] =
        Array("k8s\u{0}".utf8)
        + lengthDelimited(
            1,
            lengthDelimited(1, Array("v1".utf8)) + lengthDelimited(2, Array("ServiceList".utf8))
        )

    private static func lengthDelimited(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        var head = [number << 3 | 2]
        var length = bytes.count
        while length >= 0x80 {
            head.append(UInt8(length & 0x7f) | 0x80)
            length >>= 7
        }
        return head + [UInt8(length)] + bytes
    }
}

extension [UInt8] {
    /// Flips a bit, or sets, takes out or puts in a byte.
    fileprivate mutating func damage(_ random: inout SplitMix64) {
        guard let index = indices.randomElement(using: &random) else { return }
        switch Int.random(in: 0..<4, using: &random) {
        case 0: self[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: self[index] = UInt8.random(in: 0...255, using: &random)
        case 2: remove(at: index)
        default: insert(UInt8.random(in: 0...255, using: &random), at: index)
        }
    }
}
