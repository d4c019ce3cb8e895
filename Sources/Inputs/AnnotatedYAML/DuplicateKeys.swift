import PrintableText

/// The position of a key that is repeated in the same mapping; both 1-based.
struct DuplicateKey: Sendable, Equatable {
    var line: Int
    /// In Unicode scalars.
    var column: Int
}

/// Makes repeated keys parse, one by one, by marking all but the last.
///
/// The parser rejects a mapping with equal keys and reports the position of the first.
struct DuplicateKeys {
    /// More are unlikely in a genuine file.
    private static let most = 64
    /// A private-use character, with which no field name begins.
    private static let sign: Character = "\u{e000}"

    private(set) var text: String
    private var count = 0

    init(_ text: String) { self.text = text }

    /// False if the key is not at the reported position, or there are too many.
    mutating func mark(_ key: DuplicateKey) -> Bool {
        guard count < Self.most, let index = index(of: key) else { return false }
        count += 1
        text.insert(contentsOf: "\(Self.sign)\(count)\(Self.sign)", at: index)
        return true
    }

    /// Removes the marked keys from the parsed value.
    func unmark(
        _ documents: [Result<YAMLValue, FieldError>]
    ) -> (documents: [Result<YAMLValue, FieldError>], overridden: [FieldError]) {
        guard count > 0 else { return (documents, []) }
        var overridden: [FieldError] = []
        let unmarked = documents.map { document in
            document.map { Self.unmark($0, path: "", &overridden) }
        }
        return (unmarked, overridden)
    }

    private func index(of key: DuplicateKey) -> String.Index? {
        let scalars = text.unicodeScalars
        var start = scalars.startIndex
        for _ in 1..<max(key.line, 1) {
            guard let newline = scalars[start...].firstIndex(of: "\n") else { return nil }
            start = scalars.index(after: newline)
        }
        guard
            let index = scalars.index(
                start,
                offsetBy: key.column - 1,
                limitedBy: scalars.endIndex
            ), index < scalars.endIndex
        else { return nil }
        // Inside the quotes, if any.
        return ["\"", "'"].contains(scalars[index]) ? scalars.index(after: index) : index
    }

    private static func unmark(
        _ value: YAMLValue,
        path: String,
        _ overridden: inout [FieldError]
    ) -> YAMLValue {
        switch value.content {
        case .null, .scalar: return value
        case .sequence(let elements):
            let unmarked = elements.enumerated().map {
                unmark($1, path: "\(path)[\($0)]", &overridden)
            }
            return YAMLValue(line: value.line, content: .sequence(unmarked))
        case .mapping(let entries):
            var kept: [YAMLValue.Entry] = []
            for entry in entries {
                let isMarked = entry.key.first == sign
                let name =
                    isMarked
                    ? String(entry.key.dropFirst().drop { $0 != sign }.dropFirst()) : entry.key
                let subpath = path.isEmpty ? printable(name) : "\(path).\(printable(name))"
                guard !isMarked else {
                    overridden.append(
                        FieldError(
                            line: entry.keyLine,
                            path: subpath,
                            reason: "given again below; the last one is used"
                        )
                    )
                    continue
                }
                var entry = entry
                entry.value = unmark(entry.value, path: subpath, &overridden)
                kept.append(entry)
            }
            return YAMLValue(line: value.line, content: .mapping(kept))
        }
    }
}
