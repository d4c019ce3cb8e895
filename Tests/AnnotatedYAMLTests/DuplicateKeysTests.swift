import AnnotatedYAML
import Testing

@Suite("Keys given twice")
struct DuplicateKeysTests {
    @Test(
        "The last one counts, and the others are named with line and path",
        arguments: [
            "a: 1\nb: {c: 1, 'c': 2}\na: 3", "\u{feff}a: 1\nb:\n  c: 1\n  c: 2\na: 3",
            "a: 1\nb: {1: 1, '1': 1, c: 1, c: 2}\na: 3",
            "{\"a\": 1,\n\"b\": {\"\\ud83d\\ude00\": 0, \"c\": 1, \"c\": 2},\n\"a\": 3}",
            "--- {\"a\": 1, \"b\": {\"é😀\": 0, \"c\": 1, \"c\": 2}, \"a\": 3}",
            "--- {a: 1, b: {é😀: 0, c: 1, c: 2}, a: 3}",
        ]
    )
    func lastCounts(_ text: String) throws {
        let (documents, overridden) = YAMLText.documentsTakingLastKeys(text)
        let fields = try Fields(try #require(documents.first).get())
        #expect(fields.names.sorted() == ["a", "b"])
        #expect(try fields.string("a") == "3")
        #expect(try fields.fields("b")?.string("c") == "2")
        #expect(Set(overridden.map(\.path)).subtracting(["b.1"]) == ["a", "b.c"])
        #expect(overridden.first { $0.path == "a" }?.line == 1)
    }

    @Test("A key given many times, in one document of several")
    func many() throws {
        let text = "x: 1\n---\n" + (1...20).map { "- {k: \($0), k: 0}\n" }.joined() + "---\nz: 1\n"
        let (documents, overridden) = YAMLText.documentsTakingLastKeys(text)
        #expect(documents.count == 3 && overridden.count == 20)
        #expect(overridden.map(\.line) == Array(3...22))
        #expect(overridden[3].path == "[3].k")
    }

    @Test("Too many duplicates remain an error, and so does invalid YAML")
    func errors() {
        let many = String(repeating: "k: 0\n", count: 200)
        for text in [many, "a: [", "a: 1\na: [\n"] {
            let documents = YAMLText.documentsTakingLastKeys(text).documents
            #expect(throws: FieldError.self) { try documents.first?.get() }
        }
    }
}
