import PrintableText
import Yams

/// Converts the parser's nodes into values.
///
/// Merge keys (`<<`) are resolved here: a mapping's own keys take precedence, then those of the
/// first merged mapping, then of the next. In go-yaml v2 a `<<` overrides keys before it; in YAML
/// 1.1, go-yaml v3 and kustomize it does not.
struct NodeConversion {
    let linesBefore: Int
    /// Limits the number of values: aliases can expand a short text enormously.
    var budget: Int
    private var depth = 0

    init(linesBefore: Int, budget: Int) {
        self.linesBefore = linesBefore
        self.budget = budget
    }

    mutating func value(_ node: Node) throws(FieldError) -> YAMLValue {
        let line = line(node)
        try enter(line)
        defer { depth -= 1 }
        switch node {
        case .scalar(let scalar): return YAMLValue(line: line, content: Self.content(scalar))
        case .sequence(let sequence):
            var values: [YAMLValue] = []
            values.reserveCapacity(sequence.count)
            for element in sequence { values.append(try value(element)) }
            return YAMLValue(line: line, content: .sequence(values))
        case .mapping(let mapping):
            return YAMLValue(line: line, content: .mapping(try entries(mapping, line)))
        case .alias:
            throw FieldError(line: line, path: "", reason: "unknown alias")
        }
    }

    /// Aliases nest without brackets, so depth is checked here too.
    private mutating func enter(_ line: Int) throws(FieldError) {
        budget -= 1
        guard budget > 0 else {
            throw FieldError(line: line, path: "", reason: "aliases expand to too many values")
        }
        guard depth <= YAMLText.maximumDepth else {
            throw FieldError(
                line: line,
                path: "",
                reason: "nested deeper than \(YAMLText.maximumDepth) levels"
            )
        }
        depth += 1
    }

    private func line(_ node: Node) -> Int { linesBefore + (node.mark?.line ?? 1) }

    // MARK: - Scalars

    /// A tag determines the type, regardless of quotes.
    private static func content(_ scalar: Node.Scalar) -> YAMLValue.Content {
        let isPlain: Bool
        switch scalar.tag.description {
        case "tag:yaml.org,2002:str", "!": isPlain = false
        case "tag:yaml.org,2002:bool", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float",
            "tag:yaml.org,2002:null":
            isPlain = true
        default: isPlain = Self.isPlain(scalar)
        }
        if isPlain, PlainScalar(scalar.string) == .null { return .null }
        return .scalar(scalar.string, isPlain: isPlain)
    }

    private static func isPlain(_ scalar: Node.Scalar) -> Bool {
        scalar.style == .plain || scalar.style == .any
    }

    // MARK: - Mappings

    private mutating func entries(
        _ mapping: Node.Mapping,
        _ line: Int
    ) throws(FieldError) -> [YAMLValue.Entry] {
        var entries: [YAMLValue.Entry] = []
        entries.reserveCapacity(mapping.count)
        var merged: Node?
        var marks: [String: Mark?] = [:]
        for (key, element) in mapping {
            guard case .scalar(let name) = key else {
                throw FieldError(line: line, path: "", reason: "a key must be a name")
            }
            if name.string == "<<", Self.isPlain(name) {
                merged = element
                continue
            }
            // The parser treats `1` and "1" as two keys.
            if let first = marks.updateValue(name.mark, forKey: name.string) {
                throw duplicate(name.string, first ?? name.mark)
            }
            entries.append(
                YAMLValue.Entry(
                    key: name.string,
                    keyLine: self.line(key),
                    value: try value(element)
                )
            )
        }
        guard let merged else { return entries }
        var known = Set(marks.keys)
        for source in try sources(merged) {
            entries += source.filter { known.insert($0.key).inserted }
        }
        return entries
    }

    /// The operand of `<<`: a mapping, or a list of mappings.
    private mutating func sources(_ node: Node) throws(FieldError) -> [[YAMLValue.Entry]] {
        let line = line(node)
        try enter(line)
        defer { depth -= 1 }
        switch node {
        case .mapping(let mapping): return [try entries(mapping, line)]
        case .sequence(let sequence):
            var result: [[YAMLValue.Entry]] = []
            for element in sequence {
                guard case .mapping(let mapping) = element else {
                    throw notMergeable(self.line(element))
                }
                try enter(self.line(element))
                defer { depth -= 1 }
                result.append(try entries(mapping, self.line(element)))
            }
            return result
        case .scalar, .alias: throw notMergeable(line)
        }
    }

    private func notMergeable(_ line: Int) -> FieldError {
        FieldError(
            line: line,
            path: "<<",
            reason: "only a mapping or a list of mappings can be merged"
        )
    }

    private func duplicate(_ key: String, _ mark: Mark?) -> FieldError {
        let line = linesBefore + (mark?.line ?? 1)
        var error = FieldError(
            line: line,
            path: "",
            reason: "key given twice: \(quoted(key))"
        )
        error.duplicate = mark.map { DuplicateKey(line: line, column: $0.column) }
        return error
    }
}
