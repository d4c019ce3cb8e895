import AnnotatedYAML
import Testing

@Suite("What libyaml reads")
struct NodeTests {
    private func value(_ text: String) throws -> YAMLValue {
        try #require(YAMLText.documents(text).first).get()
    }

    private func reason(_ text: String) -> String? {
        guard case .failure(let error)? = YAMLText.documents(text).first else { return nil }
        return "\(error.line): \(error.reason)"
    }

    private func scalar(_ text: String) throws -> YAMLValue.Content {
        try value(text).content
    }

    @Test("A tag determines the type, regardless of quotes")
    func tags() throws {
        #expect(try scalar("!!str 1") == .scalar("1", isPlain: false))
        #expect(try scalar("! 1") == .scalar("1", isPlain: false))
        #expect(try scalar("!!int \"1\"") == .scalar("1", isPlain: true))
        #expect(try scalar("!mine 1") == .scalar("1", isPlain: true))
        #expect(try scalar("'1'") == .scalar("1", isPlain: false))
        #expect(try scalar("1") == .scalar("1", isPlain: true))
        #expect(try scalar("|\n  1") == .scalar("1", isPlain: false))
        #expect(YAMLText.documents("!!null \"~\"").isEmpty)
    }

    @Test("A tag for text makes a merge key a name like any other")
    func taggedMergeKey() throws {
        let fields = try Fields(value("!!str <<: {a: 1}\n\"<<b\": 2"))
        #expect(fields.names == ["<<", "<<b"])
    }

    @Test("Text with zeros and beyond the basic plane stays whole")
    func text() throws {
        #expect(try scalar("\"a\\0b\"") == .scalar("a\0b", isPlain: false))
        #expect(try scalar("\"\\U0001F6A2\"") == .scalar("\u{1F6A2}", isPlain: false))
        #expect(try scalar("\u{1F6A2}") == .scalar("\u{1F6A2}", isPlain: true))
    }

    @Test(
        "What is wrong is said with its line",
        arguments: [
            ("a: 1\nb: [", "3: not valid YAML: did not find expected node content"),
            ("a: 1\nb: *c", "2: not valid YAML: found undefined alias"),
            ("a: &a [*a]", "1: not valid YAML: found undefined alias"),
            ("a: 1\n...\nb: 2\n", "3: not valid YAML: did not find expected <document start>"),
            ("a: \u{1}", "1: not valid YAML: control characters are not allowed"),
            ("a: \"\\ud800\"", "1: not valid YAML: found invalid Unicode character escape code"),
            ("a: 1\nb: 2\na: 3\nb: 4", "1: key given twice: \"a\", \"b\""),
            ("1: x\n\"1\": y", "1: key given twice: \"1\""),
            ("x: 1\n<<: {a: 1}\n<<: {b: 1}", "2: key given twice: \"<<\""),
            ("x: 1\n? [a]\n: 1", "2: a key must be a name"),
            ("a: 1\nb: 2\nc: \u{7}\n", "3: not valid YAML: control characters are not allowed"),
        ]
    )
    func errors(_ text: String, _ expected: String) {
        #expect(reason(text) == expected)
    }

    @Test("Of many keys that are given twice some are named")
    func manyRepetitions() {
        let keys = (0..<1000).map { "k\($0): 1\n" }.joined()
        #expect(reason(keys + keys)?.hasSuffix("\"k106\", and 990 more") == true)
    }

    @Test(
        "Anchors behind every line break of libyaml's count",
        arguments: ["\n", "\u{85}", "\u{2028}", "\u{2029}"]
    )
    func anchorsBehindLineBreaks(_ lineBreak: String) {
        let anchors = (0..<1100).map { "- \(lineBreak)  &a\($0) x\n" }.joined()
        #expect(reason(anchors)?.contains("anchors") == true)
    }

    @Test("Nesting by indentation is limited like that by brackets")
    func indentation() {
        func nested(_ levels: Int) -> String {
            (0..<levels).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
                + String(repeating: " ", count: levels) + "b\n"
        }
        #expect(reason(nested(200)) == nil)
        #expect(reason(nested(201)) == "201: nested deeper than 200 levels")
        #expect(reason(nested(4000)) == "201: nested deeper than 200 levels")
    }

    @Test("A name that is given again means the later value from there on")
    func shadowedAnchor() throws {
        let fields = try Fields(value("a: &x 1\nb: *x\nc: &x 2\nd: *x"))
        #expect(try fields.integer("b", in: 0...9) == 1)
        #expect(try fields.integer("d", in: 0...9) == 2)
    }
}
