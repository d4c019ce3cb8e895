import FoundationEssentials
import Testing

@testable import ServiceSources

/// docs/services.md, from which the man page is made.
@Suite("Document of the short form")
struct ServicesDocumentTests {
    private static let file =
        #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
        + "/docs/services.md"

    /// The first column of the table below a heading.
    private static func fields(_ heading: String) throws -> Set<String> {
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
        let section = lines.drop { $0 != "## \(heading)" }.dropFirst().prefix {
            !$0.hasPrefix("## ")
        }
        return Set(
            section.filter { $0.hasPrefix("| `") }
                .compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) }
        )
    }

    @Test("It has every field, and no other")
    func fields() throws {
        #expect(try Self.fields("A Service") == Set(ShortForm.fieldNames))
        #expect(try Self.fields("A port") == Set(ShortForm.portFieldNames))
        #expect(try Self.fields("An endpoint") == Set(ShortForm.endpointFieldNames))
    }
}
