import ArgumentParser
import FoundationEssentials
import PrintableText
import SystemPackage

/// How a command prints its result.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text
    case json
}

extension OutputFormat {
    /// Prints `value` as JSON with sorted keys, so that equal results are equal text.
    static func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        StandardOutput.print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}

/// Something to encode, whatever its type.
struct AnyEncodable: Encodable {
    private let content: any Encodable

    init(_ content: any Encodable) {
        self.content = content
    }

    func encode(to encoder: any Encoder) throws { try content.encode(to: encoder) }
}

/// Writes `text` to a file, whole or not at all; to standard output for nil.
func deliver(_ text: String, to file: String?) throws {
    guard let file else {
        StandardOutput.print(text, terminator: "")
        return
    }
    try replace(file, with: text)
}

/// Writes lines to standard error. They may name paths and other text that a terminal would take for commands.
func complain(_ lines: String) {
    // There is nowhere to report that it cannot be written.
    _ = try? FileDescriptor.standardError.writeAll("\(printableLines(lines))\n".utf8)
}

/// A failure with its message; ends the command with exit code 1.
struct CommandFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}
