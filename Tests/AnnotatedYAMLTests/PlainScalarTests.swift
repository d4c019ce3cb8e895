import AnnotatedYAML
import Testing

/// The expectations are what sigs.k8s.io/yaml makes of the text.
@Suite("Words and numbers of YAML 1.1")
struct PlainScalarTests {
    private func fields(_ text: String) throws -> Fields {
        try Fields(try #require(YAMLText.documents(text).first).get())
    }

    @Test(
        "Truth in every spelling",
        arguments: [
            (true, "true True TRUE yes Yes YES on On ON y Y"),
            (false, "false False FALSE no No NO off Off OFF n N"),
        ]
    )
    func booleans(_ truth: Bool, _ words: String) throws {
        for word in words.split(separator: " ") {
            #expect(try fields("a: \(word)").boolean("a") == truth, "\(word)")
            for quotes in ["\"\(word)\"", "'\(word)'", "!!str \(word)"] {
                #expect(throws: FieldError.self) { try fields("a: \(quotes)").boolean("a") }
            }
        }
        #expect(try fields("a: !!bool 'yes'").boolean("a") == true)
    }

    @Test("No other word is one", arguments: ["tRUE", "yEs", "oN", "1", "0", "t", "yes.", "10"])
    func noBooleans(_ word: String) throws {
        #expect(throws: FieldError.self) { try fields("a: \(word)").boolean("a") }
    }

    @Test(
        "Whole numbers in every spelling",
        arguments: [
            ("1.048576e+06", 1_048_576), ("131072.0", 131_072), ("1e3", 1000), ("1E3", 1000),
            ("5.", 5), ("1_000", 1000), ("0x10", 16), ("0X1f", 31), ("-0x10", -16), ("0b101", 5),
            ("-0b101", -5), ("0o17", 15), ("017", 15), ("0", 0), ("-0", 0), ("+7", 7), ("-7", -7),
            ("08", 8), ("0_1_7", 15), ("0x_ff", 255), ("9223372036854775807", Int.max),
            ("-9223372036854775808", Int.min), ("000", 0), ("12e-0", 12), ("!!int '12'", 12),
        ]
    )
    func integers(_ text: String, _ number: Int) throws {
        #expect(try fields("a: \(text)").integer("a", in: Int.min...Int.max) == number)
    }

    @Test(
        "A fraction, what is too large, and text are one clear error",
        arguments: [
            "1.5", "1e-1", ".5", ".inf", "-.Inf", ".NaN", "9223372036854775808", "1e400", "'12'",
            "!!str 12", "0x", "0xg", "0b2", "1e", "e3", ".", "+", "-+5", "--5", "1:30", "12abc",
            "yes", "½", "१२",
        ]
    )
    func noIntegers(_ text: String) throws {
        let fields = try fields("b: 1\na: \(text)")
        let error = #expect(throws: FieldError.self) {
            try fields.integer("a", in: Int.min...Int.max)
        }
        #expect(error?.line == 2 && error?.path == "a")
        #expect(error?.reason.hasPrefix("must be a whole number, not ") == true)
    }

    @Test("Nothing in every spelling; in quotes it is text")
    func nulls() throws {
        for word in ["", "~", "null", "Null", "NULL", "!!null ''"] {
            #expect(try fields("a: \(word)\nb: 1").value("a") == nil, "\(word)")
        }
        for word in ["''", "'~'", "\"null\"", "nUll", "!!str null"] {
            #expect(try fields("a: \(word)").value("a") != nil, "\(word)")
        }
    }

    @Test("As text a word is what is written", arguments: ["yes", "0x10", "1.0", "1_0", "True"])
    func texts(_ word: String) throws {
        let fields = try fields("a: \(word)\nb: '\(word)'")
        #expect(try fields.string("a") == word && fields.string("b") == word)
    }

    @Test("One spelling for comparisons")
    func canonical() throws {
        let text = "{a: Yes, b: 0x10, c: 'Yes', d: off, e: 2.50, f: 5.0, g: [1], h: }"
        let fields = try fields(text)
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"]
        #expect(
            names.map { fields.value($0)?.canonicalText }
                == ["true", "16", "Yes", "false", "2.50", "5", nil, nil]
        )
    }
}
