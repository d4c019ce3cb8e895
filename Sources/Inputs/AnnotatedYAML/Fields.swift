import PrintableText

/// The fields of one mapping, read by name and type. Every error gives line and path.
///
/// A null field counts as absent. Numbers and words such as `yes` are read as the Kubernetes tools
/// read them (`PlainScalar`).
package struct Fields: Sendable {
    package let line: Int
    package let path: String
    private let entries: [YAMLValue.Entry]

    /// Throws unless `value` is a mapping.
    package init(_ value: YAMLValue, path: String = "") throws(FieldError) {
        guard case .mapping(let entries) = value.content else {
            throw FieldError(
                line: value.line,
                path: path,
                reason: "must be a mapping, not \(value.kind)"
            )
        }
        line = value.line
        self.path = path
        self.entries = entries
    }

    /// The names of all present fields.
    package var names: [String] { entries.map(\.key) }

    /// The line of a field, or of the mapping if the field is absent.
    package func line(of name: String) -> Int {
        entries.first { $0.key == name }?.value.line ?? line
    }

    /// An error about a field.
    package func error(_ name: String, _ reason: String) -> FieldError {
        FieldError(line: line(of: name), path: subpath(name), reason: reason)
    }

    /// The value of a field; nil if absent or null.
    package func value(_ name: String) -> YAMLValue? {
        guard let value = entries.first(where: { $0.key == name })?.value, value.content != .null
        else { return nil }
        return value
    }

    /// The text as written, even without quotes. kubectl rejects a bare `yes` or `10` as text, and
    /// other tools turn `true` or `0x0A` into something else; here the text is compared as written,
    /// so it never matches more than it says.
    package func string(_ name: String) throws(FieldError) -> String? {
        guard let value = value(name) else { return nil }
        guard case .scalar(let text, _) = value.content else {
            throw error(name, "must be text, not \(value.kind)")
        }
        return text
    }

    /// As `string`, but the field must be present and not empty.
    package func requiredString(_ name: String) throws(FieldError) -> String {
        guard let text = try string(name), !text.isEmpty else {
            throw error(name, "is missing")
        }
        return text
    }

    /// An integer in any notation; a fraction is an error.
    package func integer(_ name: String, in range: ClosedRange<Int>) throws(FieldError) -> Int? {
        guard let value = value(name) else { return nil }
        guard case .integer(let number) = value.resolved else {
            throw error(name, "must be a whole number, not \(value.shown)")
        }
        guard range.contains(number) else {
            throw error(name, "\(number) is not in \(range.lowerBound)...\(range.upperBound)")
        }
        return number
    }

    package func boolean(_ name: String) throws(FieldError) -> Bool? {
        guard let value = value(name) else { return nil }
        guard case .boolean(let isTrue) = value.resolved else {
            throw error(name, "must be true or false, not \(value.shown)")
        }
        return isTrue
    }

    /// One of a fixed set of words.
    package func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ name: String,
        of type: Choice.Type
    ) throws(FieldError) -> Choice? {
        guard let text = try string(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw error(name, "\(quoted(text)) is not one of \(words)")
        }
        return choice
    }

    /// The elements of a list with their paths; empty if the field is absent.
    package func list(_ name: String) throws(FieldError) -> [(value: YAMLValue, path: String)] {
        guard let value = value(name) else { return [] }
        guard case .sequence(let elements) = value.content else {
            throw error(name, "must be a list, not \(value.kind)")
        }
        return elements.enumerated().map { ($1, "\(subpath(name))[\($0)]") }
    }

    /// The texts of a list.
    package func strings(
        _ name: String
    ) throws(FieldError) -> [(text: String, line: Int, path: String)] {
        var result: [(String, Int, String)] = []
        for (value, path) in try list(name) {
            guard case .scalar(let text, _) = value.content else {
                throw FieldError(
                    line: value.line,
                    path: path,
                    reason: "must be text, not \(value.kind)"
                )
            }
            result.append((text, value.line, path))
        }
        return result
    }

    /// The texts of a list, each as what it stands for; one of which `parse` makes nothing is an error,
    /// `"x" is not <wanted>`.
    package func parsed<Value>(
        _ name: String,
        _ wanted: String,
        _ parse: (String) -> Value?
    ) throws(FieldError) -> [Value] {
        var result: [Value] = []
        for (text, line, path) in try strings(name) {
            guard let value = parse(text) else {
                throw FieldError(line: line, path: path, reason: "\(quoted(text)) is not \(wanted)")
            }
            result.append(value)
        }
        return result
    }

    /// As `parsed`; what stands for the same as one before it is an error, too.
    package func distinct<Value: Hashable>(
        _ name: String,
        _ wanted: String,
        _ parse: (String) -> Value?
    ) throws(FieldError) -> [Value] {
        let values = try parsed(name, wanted, parse)
        var seen: Set<Value> = []
        for (value, (text, line, path)) in zip(values, try strings(name))
        where !seen.insert(value).inserted {
            throw FieldError(line: line, path: path, reason: "\(quoted(text)) is named twice")
        }
        return values
    }

    /// The fields of a nested mapping.
    package func fields(_ name: String) throws(FieldError) -> Fields? {
        guard let value = value(name) else { return nil }
        return try Fields(value, path: subpath(name))
    }

    /// A duration such as `500ms`, `30s`, `5m` or `1h`.
    package func duration(
        _ name: String,
        in range: ClosedRange<Duration>
    ) throws(FieldError) -> Duration? {
        guard let text = try string(name) else { return nil }
        let units: [(String, Duration)] = [
            ("ms", .milliseconds(1)), ("s", .seconds(1)), ("m", .seconds(60)),
            ("h", .seconds(3600)),
        ]
        guard let (suffix, unit) = units.first(where: { text.hasSuffix($0.0) }),
            let number = Int(text.dropLast(suffix.count)), (0...1_000_000_000).contains(number)
        else { throw error(name, "\(quoted(text)) is not a duration such as 500ms, 30s, 5m or 1h") }
        let duration = unit * number
        guard range.contains(duration) else {
            throw error(name, "\(text) is not in \(range.lowerBound)...\(range.upperBound)")
        }
        return duration
    }

    /// Rejects fields that are not in `known`, and suggests the closest one unless more than half of the name
    /// would have to change.
    package func refuseUnknown(_ known: [String]) throws(FieldError) {
        guard let entry = entries.first(where: { !known.contains($0.key) }) else { return }
        let close = known.min { editDistance($0, entry.key) < editDistance($1, entry.key) }
        var reason = "unknown field"
        let limit = min(3, entry.key.count / 2)
        if let close, editDistance(close, entry.key) <= limit {
            reason += "; did you mean \(close)?"
        } else if !known.isEmpty {
            reason += "; known are \(known.joined(separator: ", "))"
        }
        throw FieldError(line: entry.keyLine, path: subpath(entry.key), reason: reason)
    }

    private func subpath(_ name: String) -> String {
        let safe = printable(name)
        return path.isEmpty ? safe : "\(path).\(safe)"
    }
}

extension YAMLValue {
    /// The kind of the value, for messages.
    package var kind: String {
        switch content {
        case .null: "nothing"
        case .scalar: "a single value"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }

    /// The value itself if it is short, for messages.
    package var shown: String {
        if case .scalar(let text, _) = content { return quoted(text) }
        return kind
    }
}

/// The number of insertions, deletions and replacements that turn one text into the other.
private func editDistance(_ left: String, _ right: String) -> Int {
    let left = Array(left.lowercased())
    let right = Array(right.lowercased().prefix(64))
    var row = Array(0...right.count)
    for (index, character) in left.enumerated() {
        var diagonal = row[0]
        row[0] = index + 1
        for column in right.indices {
            let cost = character == right[column] ? diagonal : diagonal + 1
            diagonal = row[column + 1]
            row[column + 1] = min(cost, row[column] + 1, diagonal + 1)
        }
    }
    return row[right.count]
}
