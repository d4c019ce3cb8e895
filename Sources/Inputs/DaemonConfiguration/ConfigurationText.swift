import AnnotatedYAML
import PrintableText

/// An error in a configuration file or flag, printable.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// `file:line: field: reason`.
    package var description: String

    init(file: String, _ error: FieldError) {
        description = "\(file):\(error.line): \(error)"
    }
}

extension DaemonConfiguration {
    /// Parses Fairlead's own form. Missing fields have their defaults. Throws for the first unknown
    /// field or unusable value; the error names file, line and field.
    package init(text: String, file: String) throws(ConfigurationError) {
        self.init()
        do throws(FieldError) {
            let documents = YAMLText.documents(text)
            guard let document = documents.first else { return }
            let fields = try Fields(document.get())
            if let kind = fields.value("kind") {
                let reason =
                    "\(kind.shown) is not a configuration: Fairlead's own form has no kind, and kube-proxy's is KubeProxyConfiguration"
                throw fields.error("kind", reason)
            }
            guard documents.count == 1 else {
                throw FieldError(line: 1, path: "", reason: "must be a single document")
            }
            try ConfigurationField.root.read(fields, into: &self)
            guard let (path, reason) = conflict else { return }
            throw try fields.error(path[...], reason)
        } catch {
            throw ConfigurationError(file: file, error)
        }
    }

    /// The text of a file with this configuration: `comments`, then the fields that differ from the
    /// defaults.
    package func text(comments: [String] = []) -> String {
        // A line break would end the comment, and a control character of a path spoil the file.
        let comments = comments.map { comment in
            "# " + printable(String(comment.map { $0.isNewline ? " " : $0 }), limit: .max)
        }
        let fields = ConfigurationField.root.fields.flatMap { $0.lines(self, indent: "") }
        return (comments + fields).map { "\($0)\n" }.joined()
    }

    /// Every field with its value, on one line.
    package var json: String { ConfigurationField.root.value(in: self).json }

    /// The file that shows every field with its default: `config/fairlead.yaml`.
    package static var example: String {
        """
        # Fairlead's configuration: every field with its default. A field left out keeps its default; an
        # unknown field is an error. `fairlead check` checks this file.
        # The daemon watches this file and applies a change within two seconds; a file with an error is
        # reported, and the running configuration stays in effect. Fields marked `restart` take effect at
        # the next start; the log says so when one of them changes. A KubeProxyConfiguration is accepted in
        # place of this file; see docs/from-kube-proxy.md.

        """
            + ConfigurationField.root.fields.map { field in
                "\n" + field.example(indent: "").map { "\($0)\n" }.joined()
            }.joined()
    }
}

extension ConfigurationField {
    /// The fields that differ from the defaults.
    fileprivate func lines(_ configuration: DaemonConfiguration, indent: String) -> [String] {
        let isChanged = differs(configuration, DaemonConfiguration())
        guard isSection else {
            return isChanged ? ["\(indent)\(name): \(value(in: configuration).yaml)"] : []
        }
        let lines = fields.flatMap { $0.lines(configuration, indent: indent + "  ") }
        guard lines.isEmpty else { return ["\(indent)\(name):"] + lines }
        return isChanged ? ["\(indent)\(name): {}"] : []
    }

    fileprivate func example(indent: String) -> [String] {
        let comments = summary.split(separator: "\n").map { "\(indent)# \($0)" }
        guard isSection else {
            let value = value(in: DaemonConfiguration()).yaml
            let mark = reload == .restart ? " # restart" : ""
            return comments + ["\(indent)\(name): \(value)\(mark)"]
        }
        // The presence of an optional section has a meaning, so it is commented out.
        let isComment = isOptionalSection
        let lines = ["\(name):"] + fields.flatMap { $0.example(indent: "  ") }
        return comments + lines.map { "\(indent)\(isComment ? "#" : "")\($0)" }
    }
}

extension Fields {
    /// An error about a nested field, on its line or that of the innermost section that exists.
    fileprivate func error(
        _ path: ArraySlice<String>,
        _ reason: String
    ) throws(FieldError) -> FieldError {
        guard let name = path.first else { return FieldError(line: line, path: "", reason: reason) }
        guard path.count > 1, let nested = try fields(name) else { return error(name, reason) }
        return try nested.error(path.dropFirst(), reason)
    }
}
