/// Converts the parser's nodes into values.
///
/// Merge keys (`<<`) are resolved here: a mapping's own keys take precedence, then those of the
/// first merged mapping, then of the next. In go-yaml v2 a `<<` overrides keys before it; in YAML
/// 1.1, go-yaml v3 and kustomize it does not.
struct NodeConversion {
    /// Limits the number of values: aliases can expand a short text enormously.
    var budget: Int
    private var depth = 0

    init(budget: Int) { self.budget = budget }

    mutating func value(_ node: YAMLNode) throws(FieldError) -> YAMLValue {
        try enter(node.line)
        defer { depth -= 1 }
        switch node.content {
        case .scalar(let text, let isPlain):
            let isNull = isPlain && PlainScalar(text) == .null
            return YAMLValue(
                line: node.line,
                content: isNull ? .null : .scalar(text, isPlain: isPlain)
            )
        case .sequence(let elements):
            var values: [YAMLValue] = []
            values.reserveCapacity(elements.count)
            for element in elements { values.append(try value(element)) }
            return YAMLValue(line: node.line, content: .sequence(values))
        case .mapping(let mapping):
            return YAMLValue(line: node.line, content: .mapping(try entries(mapping)))
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

    // MARK: - Mappings

    private mutating func entries(
        _ mapping: [(key: YAMLNode, value: YAMLNode)]
    ) throws(FieldError) -> [YAMLValue.Entry] {
        var entries: [YAMLValue.Entry] = []
        entries.reserveCapacity(mapping.count)
        var merged: YAMLNode?
        for (key, element) in mapping {
            guard case .scalar(let name, let isPlain) = key.content else {
                throw FieldError(line: key.line, path: "", reason: "a key must be a name")
            }
            if isPlain, name == YAMLNode.mergeKey {
                merged = element
                continue
            }
            entries.append(
                YAMLValue.Entry(key: name, keyLine: key.line, value: try value(element))
            )
        }
        guard let merged else { return entries }
        var known = Set(entries.map(\.key))
        for source in try sources(merged) {
            entries += source.filter { known.insert($0.key).inserted }
        }
        return entries
    }

    /// The operand of `<<`: a mapping, or a list of mappings.
    private mutating func sources(_ node: YAMLNode) throws(FieldError) -> [[YAMLValue.Entry]] {
        try enter(node.line)
        defer { depth -= 1 }
        switch node.content {
        case .mapping(let mapping): return [try entries(mapping)]
        case .sequence(let sequence):
            var result: [[YAMLValue.Entry]] = []
            for element in sequence {
                guard case .mapping(let mapping) = element.content else {
                    throw notMergeable(element.line)
                }
                try enter(element.line)
                defer { depth -= 1 }
                result.append(try entries(mapping))
            }
            return result
        case .scalar: throw notMergeable(node.line)
        }
    }

    private func notMergeable(_ line: Int) -> FieldError {
        FieldError(
            line: line,
            path: YAMLNode.mergeKey,
            reason: "only a mapping or a list of mappings can be merged"
        )
    }
}
