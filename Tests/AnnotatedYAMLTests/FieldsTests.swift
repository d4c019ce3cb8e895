import AnnotatedYAML
import PrintableText
import Testing

@Suite("AnnotatedYAML")
struct FieldsTests {
    private func fields(_ text: String) throws -> Fields {
        let first = try #require(YAMLText.documents(text).first)
        return try Fields(try first.get())
    }

    @Test("Values know their lines")
    func lines() throws {
        let fields = try fields("a: 1\n\n# comment\nb:\n  - x\n  - {c: 2}\n")
        #expect(fields.line(of: "a") == 1)
        let items = try fields.list("b")
        #expect(items.map(\.value.line) == [5, 6])
        #expect(items.map(\.path) == ["b[0]", "b[1]"])
    }

    @Test("A slip in one document leaves the others be, lines count through")
    func documents() throws {
        let documents = YAMLText.documents("a: 1\n---\nb: [\n---\nc: 3\n")
        #expect(documents.count == 3)
        #expect(throws: FieldError.self) { try documents[1].get() }
        #expect(try documents[2].get().line == 5)
    }

    @Test("A field's name is suggested for one that resembles it, and for no other")
    func suggestions() throws {
        func reason(_ key: String) throws -> String {
            let fields = try fields("\(key): 1\n")
            let error = #expect(throws: FieldError.self) {
                try fields.refuseUnknown(["log", "mode", "protocol"])
            }
            return error?.reason ?? ""
        }
        let similar = [
            ("mod", "mode"), ("mdoe", "mode"), ("node", "mode"), ("Log", "log"), ("lag2", "log"),
            ("protokoll", "protocol"),
        ]
        for (key, name) in similar {
            #expect(try reason(key) == "unknown field; did you mean \(name)?")
        }
        // Three letters of four, or all of a short name, would be others.
        for key in ["\"foo:\"", "foo", "a"] {
            #expect(try reason(key) == "unknown field; known are log, mode, protocol", "\(key)")
        }
    }

    @Test("A wrong type, an unknown field and a range are errors with line and path")
    func errors() throws {
        let fields = try fields("a: [1]\nport: 70000\nwhat: 1\n")
        #expect(throws: FieldError.self) { try fields.string("a") }
        let range = #expect(throws: FieldError.self) { try fields.integer("port", in: 1...65535) }
        #expect(range?.line == 2)
        #expect(range?.path == "port")
        let unknown = #expect(throws: FieldError.self) { try fields.refuseUnknown(["a", "port"]) }
        #expect(unknown?.line == 3)
        #expect(unknown?.description.contains("what") == true)
    }

    @Test("Text from a file is shown in one short printable line")
    func display() {
        let shown = quoted("a\n\u{1b}[31m\u{202e}" + String(repeating: "x", count: 10_000))
        #expect(shown.utf8.count < 400)
        #expect(shown.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x202e })
    }
}
