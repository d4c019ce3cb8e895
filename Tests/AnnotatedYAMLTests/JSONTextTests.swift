import AnnotatedYAML
import Testing

@Suite("JSON in a text")
struct JSONTextTests {
    private func names(_ text: String) throws -> [String?] {
        try YAMLText.documents(text).map { try Fields(try $0.get()).string("n") }
    }

    @Test(
        "Each object counts, however they stand",
        arguments: [
            #"{"n": "a"}{"n": "b"}"#, "{\"n\": \"a\"}\n{\"n\": \"b\"}\n",
            "\u{feff}{\n\"n\":\t\"a\"\r\n}\r\n\r\n  {\"n\":\"b\"}",
            "n: a\n---\n{\"n\": \"b\"}",
            "{\"n\": \"a\"}\n---\nn: b",
            "# one\n{\"n\": \"a\"}\n# two\n--- # three\n{\"n\": \"b\"}",
            "--- {\"n\": \"a\"}\n--- {\"n\": \"b\"}", "{n: a}\n---\n{\"n\": 'b'}",
            "{\"n\": \"a\"}\n{n: b, # YAML\n}",
        ]
    )
    func streams(_ text: String) throws {
        #expect(try names(text) == ["a", "b"])
    }

    @Test("Escapes are JSON's")
    func escapes() throws {
        let text = #"{"n": "\ud83d\ude00 \u2028\"\\\/\b\f\n\r\t\u00e9 \ud83d!\ude00", "raw": "é😀"}"#
        let fields = try Fields(try #require(YAMLText.documents(text).first).get())
        #expect(
            try fields.string("n")
                == "😀 \u{2028}\"\\/\u{8}\u{c}\n\r\t\u{e9} \u{fffd}!\u{fffd}"
        )
        #expect(try fields.string("raw") == "é😀")
        let raw = "{\"n\": \"a\u{2028}b\u{85}c\u{7f}  d\"}"
        #expect(try names(raw) == ["a\u{2028}b\u{85}c\u{7f}  d"])
    }

    @Test("Values know their lines and kinds")
    func values() throws {
        let text = "\n{\n\"a\": [1,\n2.0, -3e2],\n\"b\": {\"c\": null, \"d\": true},\n\"e\": \"1\"}"
        let fields = try Fields(try #require(YAMLText.documents(text).first).get())
        #expect(fields.line == 2 && ["a", "b", "e"].map(fields.line) == [3, 5, 6])
        let list = try fields.list("a")
        #expect(list.map(\.value.line) == [3, 4, 4])
        #expect(list.map(\.value.resolved) == [.integer(1), .integer(2), .integer(-300)])
        let nested = try #require(try fields.fields("b"))
        #expect(try nested.value("c") == nil && nested.boolean("d") == true)
        #expect(throws: FieldError.self) { try fields.integer("e", in: 0...9) }
    }

    @Test("A slip is one error with its line, and what came before counts")
    func slips() throws {
        for (text, line) in [
            ("{\"n\": \"a\"}\n{\"n\": \"b\",\n\"c\": [}", 3), ("{\"n\": \"a\"}\n{\"n\": \"b", 2),
            ("{\"n\": \"a\"}\n{\"n\": 1, \"n\": 2}", 2), ("{\"n\": \"a\"}\n[1, 2\n", 3),
        ] {
            let documents = YAMLText.documents(text)
            #expect(documents.count == 2, "\(text)")
            #expect(try Fields(try #require(documents.first).get()).string("n") == "a")
            let error = #expect(throws: FieldError.self) { try documents.last?.get() }
            #expect(error?.line == line, "\(text): \(String(describing: error))")
        }
        // A key given twice harms no other object.
        let documents = YAMLText.documents(#"{"n": 1, "n": 2} {"n": "b"}"#)
        #expect(documents.count == 2)
        #expect(try Fields(try #require(documents.last).get()).string("n") == "b")
    }

    @Test("Nesting is bounded")
    func depth() {
        for depth in [300, 100_000] {
            let text = String(repeating: "{\"a\":[", count: depth)
            let error = #expect(throws: FieldError.self) {
                try YAMLText.documents(text).first?.get()
            }
            #expect(error?.reason.hasPrefix("nested deeper") == true)
        }
    }

    @Test("YAML that begins with a bracket is YAML")
    func yaml() throws {
        #expect(try names("{n: 'it\\ud83d'}") == ["it\\ud83d"])
        #expect(try names("{n: a,}") == ["a"])
        #expect(try names("{\"n\": a # no } end\n}") == ["a"])
    }
}
