import AnnotatedYAML
import Testing

@Suite("Byte order marks")
struct ByteOrderMarkTests {
    @Test(
        "Each document of a stream may begin with one",
        arguments: [
            "\u{feff}n: a\n---\n\u{feff}n: b\n", "n: a\n\u{feff}---\nn: b\n",
            "n: a\r\n\u{feff}---\r\n\u{feff}n: b\r\n", "{\"n\": \"a\"}\n\u{feff}{\"n\": \"b\"}\n",
        ]
    )
    func marks(_ text: String) throws {
        let names = try YAMLText.documents(text).map { try Fields($0.get()).string("n") }
        #expect(names == ["a", "b"])
        let taking = YAMLText.documentsTakingLastKeys(text).documents
        #expect(try taking.map { try Fields($0.get()).string("n") } == ["a", "b"])
    }

    @Test("Elsewhere it is what the author wrote")
    func text() throws {
        let document = try #require(YAMLText.documents("n: a\u{feff}b\n").first)
        #expect(try Fields(document.get()).string("n") == "a\u{feff}b")
    }
}
