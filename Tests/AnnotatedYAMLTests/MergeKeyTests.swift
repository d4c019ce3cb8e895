import AnnotatedYAML
import Testing

@Suite("Merge keys")
struct MergeKeyTests {
    private func fields(_ text: String) throws -> Fields {
        try Fields(try #require(YAMLText.documents(text).first).get())
    }

    private func last(_ text: String) throws -> Fields {
        let fields = try fields(text)
        return try #require(try fields.fields("z"))
    }

    @Test("A mapping is merged, and merged values keep their lines")
    func mapping() throws {
        let fields = try last("base: &base\n  a: 1\n  b: 2\nz:\n  <<: *base\n  c: 3\n")
        #expect(Set(fields.names) == ["a", "b", "c"])
        #expect(["a", "b", "c"].map(fields.line) == [2, 3, 6])
        #expect(try fields.integer("b", in: 0...9) == 2)
    }

    @Test("A mapping's own keys count, wherever `<<` stands")
    func ownKeys() throws {
        for text in ["{<<: *base, a: 2}", "{a: 2, <<: *base}"] {
            let fields = try last("base: &base {a: 1, b: 1}\nz: \(text)")
            #expect(fields.names.count == 2)
            #expect(try fields.string("a") == "2" && fields.string("b") == "1")
        }
    }

    @Test("Of a list of merges the first that has a key counts; merges merge")
    func lists() throws {
        let fields = try last(
            """
            one: &one {a: 1}
            two: &two {<<: *one, a: 2, b: 2}
            three: &three [*one, *two]
            z: {<<: [*two, {b: 3, c: 3}, *one]}
            """
        )
        #expect(try ["a", "b", "c"].map { try fields.string($0) } == ["2", "2", "3"])
        let listed = try last("one: &one {a: 1}\nall: &all [*one, {b: 2}]\nz: {<<: *all}")
        #expect(try listed.string("a") == "1" && listed.string("b") == "2")
    }

    @Test("Values are not merged, and a quoted `<<` is a name")
    func shallow() throws {
        let fields = try last("base: &base {a: {x: 1}}\nz: {<<: *base, a: {y: 2}, '<<': 1}")
        #expect(try fields.fields("a")?.names == ["y"])
        #expect(try fields.string("<<") == "1")
    }

    @Test(
        "Only mappings can be merged",
        arguments: ["1", "[1]", "[[{a: 1}]]", "[*base, x]", "'{}'", "~"]
    )
    func refused(_ value: String) {
        let documents = YAMLText.documents("base: &base {a: 1}\nz:\n  <<: \(value)\n")
        let error = #expect(throws: FieldError.self) { try documents.first?.get() }
        #expect(error?.line == 3 && error?.description.contains("merged") == true)
    }

    @Test("Keys given twice are refused with merges too")
    func duplicates() {
        for text in ["{<<: *base, a: 1, a: 2}", "{<<: *base, <<: *base}"] {
            let documents = YAMLText.documents("base: &base {a: 1}\nz: \(text)")
            #expect(throws: FieldError.self) { try documents.first?.get() }
        }
    }

    @Test("Aliases and merges stay bounded in number and depth")
    func bounded() {
        var wide = "a0: &a0 {k0: x, l0: x, m0: x}\n"
        for level in 1...30 {
            let merges = Array(repeating: "*a\(level - 1)", count: 8).joined(separator: ", ")
            wide += "a\(level): &a\(level) {<<: [\(merges)], k\(level): x}\n"
        }
        // Padded, so that the size of the text allows many values.
        var deep = "# \(String(repeating: "x", count: 200_000))\na0: &a0 {k: x}\n"
        for level in 1...400 { deep += "a\(level): &a\(level) {<<: *a\(level - 1)}\n" }
        var nested = "# \(String(repeating: "x", count: 200_000))\na0: &a0 [x]\n"
        for level in 1...400 { nested += "a\(level): &a\(level) [*a\(level - 1)]\n" }
        for text in [wide, deep, nested] {
            let documents = YAMLText.documents(text)
            #expect(throws: FieldError.self) { try documents.first?.get() }
        }
    }
}
