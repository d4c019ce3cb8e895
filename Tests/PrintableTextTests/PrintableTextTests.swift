import PrintableText
import Testing

@Suite("Printable text")
struct PrintableTextTests {
    @Test("One thing is counted in the singular")
    func counts() {
        #expect(
            (0...2).map { counted($0, "Service") } == ["0 Services", "1 Service", "2 Services"]
        )
        #expect(counted(UInt64(1), "byte") == "1 byte")
        #expect(counted(1, "address", plural: "addresses") == "1 address")
        #expect(counted(3, "address", plural: "addresses") == "3 addresses")
    }

    @Test("Lines keep their breaks and lose what a terminal would obey")
    func lines() {
        #expect(printableLines("a\u{1b}[31mb\n\tc\r\n") == "a\u{fffd}[31mb\n\u{fffd}c\u{fffd}\n")
        #expect(printableLines("") == "")
        #expect(printableLines(String(repeating: "x", count: 500)).count == 500)
    }
}
