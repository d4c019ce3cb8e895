import AnnotatedYAML
import Foundation
import Testing

@Suite("Anchors")
struct AnchorTests {
    /// Each anchor holds the one before it.
    private static func chain(_ count: Int) -> String {
        "a0: &a0 [x]\n" + (1..<count).map { "a\($0): &a\($0) [*a\($0 - 1)]\n" }.joined()
    }

    private func result(_ text: String) throws -> Result<YAMLValue, FieldError> {
        try #require(YAMLText.documents(text).first)
    }

    @Test("Many anchors side by side are followed")
    func many() throws {
        let text = "base: &b {port: 1}\n" + (0..<900).map { "k\($0): &k\($0) {<<: *b}\n" }.joined()
        let fields = try Fields(result(text).get())
        #expect(fields.names.count == 901)
        #expect(try fields.fields("k899")?.integer("port", in: 0...9) == 1)
    }

    @Test("A chain of them is refused like any deep nesting", arguments: [250, 900])
    func chain(_ count: Int) throws {
        let error = #expect(throws: FieldError.self) { try result(Self.chain(count)).get() }
        // One of the two, whichever limit is met first.
        #expect(
            ["nested deeper than 200 levels", "aliases expand to too many values"].contains(
                error?.reason
            )
        )
    }

    @Test("On a thread with a small stack, too")
    func smallStack() async {
        let nested = String(repeating: "[", count: 190)
        let closed = String(repeating: "]", count: 190)
        let text =
            "a0: &a0 [x]\n"
            + (1..<900).map { "a\($0): &a\($0) \(nested)*a\($0 - 1)\(closed)\n" }.joined()
        // Dispatch's threads have 512 KiB.
        let failed = await withCheckedContinuation { continuation in
            DispatchQueue(label: "small").async {
                let documents = YAMLText.documents(text)
                continuation.resume(returning: documents.allSatisfy { (try? $0.get()) == nil })
            }
        }
        #expect(failed)
    }

    @Test("More than a thousand are refused before they are followed")
    func tooMany() throws {
        let error = #expect(throws: FieldError.self) { try result(Self.chain(60_000)).get() }
        #expect(error?.reason == "has more than 1000 anchors")
        // They are counted where a value may begin only.
        let script = String(repeating: "  make && make install & wait 2>&1\n", count: 2000)
        #expect(try Fields(result("a: x&y&z\nb: |\n" + script).get()).names == ["a", "b"])
    }
}
