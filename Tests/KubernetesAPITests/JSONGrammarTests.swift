import TestSupport
import Testing

@testable import KubernetesAPI

/// RFC 8259, whole and in pieces: what is not JSON is refused also where nobody reads it.
@Suite("The grammar of JSON")
struct JSONGrammarTests {
    /// A list with one Service, and a value for a field that is not read.
    private static func list(_ value: String) -> [UInt8] {
        Array(
            """
            {"kind":"ServiceList","apiVersion":"v1","metadata":{"resourceVersion":"5"},"items":[
            {"metadata":{"namespace":"shop","name":"web","managedFields":[{"a":"]}"}]},
             "spec":{"clusterIP":"10.0.0.1","ports":[{"port":80}],"unread":\(value)}}]}
            """.utf8
        )
    }

    private static func watch(_ value: String) -> [UInt8] {
        Array(
            """
            {"type":"ADDED","object":{"kind":"Service","apiVersion":"v1",
             "metadata":{"namespace":"shop","name":"web"},"spec":{"unread":\(value)}}}

            """.utf8
        )
    }

    /// Pieces of one length, and of any up to that.
    private static func cuts(_ bytes: [UInt8]) -> [[ArraySlice<UInt8>]] {
        var random = SplitMix64(seed: 8259)
        return [[bytes[...]]]
            + [1, 2, 3, 7, 50].flatMap { length in
                [
                    stride(from: 0, to: bytes.count, by: length).map { start in
                        bytes[start..<min(start + length, bytes.count)]
                    },
                    bytes.cut(length, &random),
                ]
            }
    }

    @Test(
        "Everything that is JSON is taken",
        arguments: [
            "0", "-0", "7", "-12", "0.5", "-0.0", "10.25", "1e5", "1E+5", "0e0", "0.1e-07", "1e00",
            "true",
            "false", "null", "[]", "{}", "[ ]", "{ }", "[1,[2,{}],null ]",
            "\t{\r\n\"a\" : -1 , \"\":0 } ",
            #""""#, #""\"\\\/\b\f\n\r\t""#, #""\u00e9\uD83D\uDE00 é😀""#, "\"\u{7f}\"",
        ]
    )
    func good(_ value: String) throws {
        for pieces in Self.cuts(Self.list(value)) {
            let (objects, metadata) = try ListDecoder.decode(pieces, .services, .json)
            #expect(objects.map(\.key.description) == ["shop/web"])
            #expect(metadata.resourceVersion == "5")
            guard case .service = objects.first?.content else {
                Issue.record("\(objects)")
                return
            }
        }
        for pieces in Self.cuts(Self.watch(value)) {
            #expect(try WatchDecoder.decode(pieces, .services, .json).count == 1)
        }
    }

    @Test(
        "Nothing else is",
        arguments: [
            "0952", "-01", "00", "01.5", "+1", "1.", ".5", "-", "-.5", "1e", "1e+", "1.e5", "1e5.0",
            "0x10",
            "1 2", "1_000", "NaN", "Infinity", "tru", "nul", "truefalse", "True", "nulll", "", ",",
            ":",
            "[1,]", "[,1]", "[1 2]", "[1:2]", "[", "]", "[}", "{]", #"{"a":1,}"#, #"{,"a":1}"#,
            #"{"a"}"#,
            #"{"a":}"#, #"{"a" 1}"#, #"{a:1}"#, #"{1:1}"#, #"{"a":1 "b":2}"#, #"{"a":1:2}"#, "'a'",
            #""a"#, #""\x41""#, #""\u12""#, #""\u12g4""#, "\"a\tb\"", "\"\n\"", "\"\0\"", "/**/1",
            "1//",
            "\u{feff}1", "\u{a0}1", "\u{c}1", #""a""b""#, #""a"1"#, #"1"a""#,
        ]
    )
    func bad(_ value: String) {
        for pieces in Self.cuts(Self.list(value)) {
            #expect(throws: APIDecodingError.self, "\(pieces.count)") {
                try ListDecoder.decode(pieces, .services, .json)
            }
        }
        for pieces in Self.cuts(Self.watch(value)) {
            #expect(throws: APIDecodingError.self, "\(pieces.count)") {
                try WatchDecoder.decode(pieces, .services, .json)
            }
        }
    }

    @Test(
        "A list is one object, and its items are objects with commas between them",
        arguments: [
            #"{"metadata":{"name":"a"}}{"metadata":{"name":"b"}}"#,
            #"{"metadata":{"name":"a"}},"#, #",{"metadata":{"name":"a"}}"#,
            #"{"metadata":{"name":"a"}},,{"metadata":{"name":"b"}}"#, "1", "null", #""a""#, "[]",
            #"{"metadata":{"name":"a"}}]}{"items":["#, #"{"metadata":{"name":"a"}}]},{"items":["#,
        ]
    )
    func items(_ items: String) {
        let text = #"{"kind":"ServiceList","apiVersion":"v1","items":[\#(items)]}"#
        for pieces in Self.cuts(Array(text.utf8)) {
            #expect(throws: APIDecodingError.self, "\(pieces.count)") {
                try ListDecoder.decode(pieces, .services, .json)
            }
        }
    }

    @Test("Items are never overlooked: their key has an escape, or they are no list")
    func overlookedItems() throws {
        func decode(_ field: String) throws -> Int {
            let text = #"{"kind":"ServiceList","apiVersion":"v1",\#(field)}"#
            return try ListDecoder.decode([Array(text.utf8)[...]], .services, .json).0.count
        }
        let item = #"{"metadata":{"name":"a"}}"#
        #expect(try decode(#""items":[\#(item)]"#) == 1)
        #expect(try decode(#""items":[]"#) == 0)
        // As Go writes a list without items.
        #expect(try decode(#""items":null"#) == 0)
        for field in [#""it\u0065ms":[\#(item)]"#, #""items":{"a":\#(item)}"#, #""items":"a""#] {
            #expect(throws: APIDecodingError.self, "\(field)") { try decode(field) }
        }
    }

    @Test("128 levels are read, 129 are not")
    func depth() {
        for depth in [128, 129] {
            // Four are the list's, its items, the object and its spec.
            let inner = depth - 4
            let value = String(repeating: "[", count: inner) + String(repeating: "]", count: inner)
            for pieces in Self.cuts(Self.list(value)) {
                let objects = try? ListDecoder.decode(pieces, .services, .json).0
                #expect((objects != nil) == (depth == 128))
            }
        }
    }

    @Test("An object with several mistakes has the same one each time", arguments: 0..<20)
    func sameMistake(_ number: Int) throws {
        let names = (0..<8).map { "\(UnicodeScalar(UInt8(97 + $0)))\(number)" }
        let labels = names.reversed().map { "\"\($0)\":\($0.utf8.count)" }.joined(separator: ",")
        for field in ["labels", "annotations"] {
            let text = """
                {"kind":"ServiceList","apiVersion":"v1","items":[
                {"metadata":{"namespace":"shop","name":"web","\(field)":{"good":"",\(labels)}}}]}
                """
            for pieces in Self.cuts(Array(text.utf8)) {
                let (objects, _) = try ListDecoder.decode(pieces, .services, .json)
                let reason = "metadata.\(field).\(names[0]): is not text"
                #expect(objects.map(\.content) == [.bad(reason: reason)])
            }
        }
    }
}
