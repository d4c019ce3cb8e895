import ArgumentParser
import DaemonConfiguration
import PrintableText

struct ConfigFieldsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fields",
        abstract: "Show the fields of the configuration file.",
        discussion: """
            Each field with its default, its purpose, the values it may have, and when a change of it \
            takes effect.

              fairlead config fields
              fairlead config fields nftables
              fairlead config fields reconcile.minInterval
            """
    )

    @Argument(help: "A section or a field: ipvs, or ipvs.scheduler. (default: all)")
    var path: String?

    @Option(name: .shortAndLong, help: "Output format.")
    var output = OutputFormat.text

    func run() throws {
        let fields = ConfigurationField.root.paths().map(FieldDocument.init)
            .filter { field in
                path.map { field.path == $0 || field.path.hasPrefix("\($0).") } ?? true
            }
        guard !fields.isEmpty else {
            throw CommandFailure("\(quoted(path ?? "")) is not a field of the configuration")
        }
        switch output {
        case .text: StandardOutput.print(fields.map(\.text).joined(separator: "\n\n"))
        case .json: try OutputFormat.printJSON(fields)
        }
    }
}

/// A field or section as it is printed.
private struct FieldDocument: Encodable {
    let path: String
    let summary: String
    /// As YAML; nil for a section.
    let standard: String?
    /// The permitted values and their unit; nil for a section.
    let values: String?
    let needsRestart: Bool
    /// Whether the file may be without it, which then has a meaning.
    let isOptionalSection: Bool

    private enum CodingKeys: String, CodingKey {
        case path, summary, values, needsRestart
        case standard = "default"
        case isOptionalSection = "optionalSection"
    }

    init(path: String, field: ConfigurationField) {
        self.path = path
        summary = field.summary
        standard = field.isSection ? nil : field.value(in: DaemonConfiguration()).yaml
        values = field.isSection ? nil : field.values
        needsRestart = field.reload == .restart
        isOptionalSection = field.isOptionalSection
    }

    var text: String {
        var lines = [standard.map { "\(path): \($0)" } ?? "\(path):"]
        lines += summary.split(separator: "\n").map { "    \($0)" }
        if let values { lines.append("    Values: \(values)") }
        if needsRestart { lines.append("    A change takes effect at the next start.") }
        return lines.joined(separator: "\n")
    }
}
