import PrintableText
import Testing

@Suite("Text tables")
struct TextTableTests {
    @Test("Columns stand below each other, numbers to the right, and no line ends in blanks")
    func columns() {
        let table = TextTable(
            [["name", "state", "count"], ["a", "", "7"], ["long name", "ok", "1234567"]],
            numbersFrom: 2
        )
        #expect(
            table.lines == [
                "name       state    count", "a                       7",
                "long name  ok     1234567",
            ]
        )
    }

    @Test("Rows may be short or empty")
    func shortRows() {
        let table = TextTable([["one"], [], ["three", "", "more"]])
        #expect(table.lines == ["one", "", "three    more"])
        #expect(table.widths == [5, 0, 4])
        #expect(TextTable().lines.isEmpty)
    }

    @Test("A character that is several scalars counts once")
    func characters() {
        #expect(TextTable([["e\u{301}", "x"], ["ab", "y"]]).lines == ["e\u{301}   x", "ab  y"])
    }
}
