import Yams

/// Reads YAML and JSON text, each document on its own, so that a slip in one leaves the others be.
package enum YAMLText {
    /// Larger texts are refused.
    package static let maximumBytes = 64 << 20
    /// Deeper nesting is refused, before a parser recurses into it.
    package static let maximumDepth = 200

    /// The documents of `text` in order, empty ones left out.
    package static func documents(
        _ text: String,
        isJSON: Bool = false
    ) -> [Result<YAMLValue, FieldError>] {
        guard text.utf8.count <= maximumBytes else {
            return [.failure(FieldError(line: 1, path: "", reason: "larger than 64 MiB"))]
        }
        let text = isJSON ? joiningSurrogates(text) : text
        return split(text, isJSON: isJSON).compactMap { chunk in
            do throws(FieldError) {
                return try parse(chunk).map { .success($0) }
            } catch {
                return .failure(error)
            }
        }
    }

    /// As `documents`, but of a key given twice the last one counts, as it does for decoders of
    /// JSON; `overridden` names the others.
    package static func documentsTakingLastKeys(
        _ text: String,
        isJSON: Bool = false
    ) -> (documents: [Result<YAMLValue, FieldError>], overridden: [FieldError]) {
        // First what would move columns.
        let text = text.hasPrefix("\u{feff}") ? String(text.dropFirst()) : text
        var marking = DuplicateKeys(isJSON ? joiningSurrogates(text) : text)
        while true {
            let documents = documents(marking.text, isJSON: isJSON)
            let duplicate = documents.lazy.compactMap { document -> DuplicateKey? in
                guard case .failure(let error) = document else { return nil }
                return error.duplicate
            }.first
            guard let duplicate, marking.mark(duplicate) else {
                return marking.unmark(documents)
            }
        }
    }

    /// A document's text and the number of lines before it.
    private struct Chunk {
        var text: Substring
        var linesBefore: Int
    }

    /// Cuts at lines that begin with `---`, which YAML allows nowhere inside a document.
    private static func split(_ text: String, isJSON: Bool) -> [Chunk] {
        let text = text.hasPrefix("\u{feff}") ? text.dropFirst() : text[...]
        if isJSON { return [Chunk(text: text, linesBefore: 0)] }
        var chunks: [Chunk] = []
        let utf8 = text.utf8
        var start = utf8.startIndex
        var startLine = 0
        var line = 0
        var lineStart = utf8.startIndex
        while lineStart < utf8.endIndex {
            if isSeparator(utf8[lineStart...].prefix(4)), lineStart > start {
                chunks.append(Chunk(text: text[start..<lineStart], linesBefore: startLine))
                start = lineStart
                startLine = line
            }
            guard let newline = utf8[lineStart...].firstIndex(of: 0x0a) else { break }
            lineStart = utf8.index(after: newline)
            line += 1
        }
        chunks.append(Chunk(text: text[start...], linesBefore: startLine))
        return chunks
    }

    private static func isSeparator(_ start: Substring.UTF8View.SubSequence) -> Bool {
        guard start.starts(with: "---".utf8) else { return false }
        guard let next = start.dropFirst(3).first else { return true }
        return [0x20, 0x09, 0x0a, 0x0d].contains(next)
    }

    private static func parse(_ chunk: Chunk) throws(FieldError) -> YAMLValue? {
        if let line = tooDeep(chunk.text) {
            throw FieldError(
                line: chunk.linesBefore + line,
                path: "",
                reason: "nested deeper than \(maximumDepth) levels"
            )
        }
        let node: Node?
        do {
            node = try Yams.compose(yaml: String(chunk.text))
        } catch let error as YamlError {
            throw syntaxError(error, linesBefore: chunk.linesBefore)
        } catch {
            throw FieldError(line: chunk.linesBefore + 1, path: "", reason: "\(error)")
        }
        guard let node else { return nil }
        // Aliases let a short text stand for a huge one; ten values a byte is no honest document.
        var conversion = NodeConversion(
            linesBefore: chunk.linesBefore,
            budget: 1000 + chunk.text.utf8.count
        )
        let value = try conversion.value(node)
        return value.content == .null ? nil : value
    }

    private static func syntaxError(_ error: YamlError, linesBefore: Int) -> FieldError {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return FieldError(
                line: linesBefore + mark.line,
                path: "",
                reason: "not valid YAML: \(problem)"
            )
        case .duplicatedKeysInMapping(let duplicates, let context):
            let keys = duplicates.map(quoted).sorted()
            var error = FieldError(
                line: linesBefore + context.mark.line,
                path: "",
                reason: "key given twice: \(keys.joined(separator: ", "))"
            )
            error.duplicate = DuplicateKey(line: error.line, column: context.mark.column)
            return error
        case .reader(let problem, _, _, _):
            return FieldError(
                line: linesBefore + 1,
                path: "",
                reason: "not valid YAML: \(problem)"
            )
        default:
            return FieldError(line: linesBefore + 1, path: "", reason: "not valid YAML")
        }
    }

    /// The line on which nesting passes the maximum, by brackets or by `- - -`, if any does.
    private static func tooDeep(_ text: Substring) -> Int? {
        var line = 1
        var flow = 0
        var dashes = 0
        var quote: UInt8?
        var escaped = false
        for byte in text.utf8 {
            if byte == 0x0a {
                line += 1
                dashes = 0
            }
            if let open = quote {
                if escaped {
                    escaped = false
                } else if byte == UInt8(ascii: "\\"), open == UInt8(ascii: "\"") {
                    escaped = true
                } else if byte == open {
                    quote = nil
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): quote = byte
            case UInt8(ascii: "["), UInt8(ascii: "{"): flow += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): flow -= 1
            case UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"): dashes += 1
            case UInt8(ascii: " "), UInt8(ascii: "\t"), 0x0a: break
            default: dashes = 0
            }
            if flow > maximumDepth || dashes > maximumDepth { return line }
        }
        return nil
    }

    /// JSON writes characters beyond 16 bits as two escapes, which YAML does not know; the YAML
    /// escape for the same character is `\U` and eight digits. Lines stay as they are.
    private static func joiningSurrogates(_ text: String) -> String {
        guard text.contains("\\u") else { return text }
        var result: [UInt8] = []
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count {
                if let high = escape(bytes, at: index), (0xd800..<0xdc00).contains(high),
                    let low = escape(bytes, at: index + 6), (0xdc00..<0xe000).contains(low)
                {
                    let scalar = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)
                    let hex = String(scalar, radix: 16)
                    result += "\\U".utf8
                    result += repeatElement(UInt8(ascii: "0"), count: 8 - hex.count)
                    result += hex.utf8
                    index += 12
                    continue
                }
                result += bytes[index...index + 1]
                index += 2
                continue
            }
            result.append(bytes[index])
            index += 1
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func escape(_ bytes: [UInt8], at index: Int) -> UInt32? {
        guard index + 6 <= bytes.count, bytes[index] == UInt8(ascii: "\\"),
            bytes[index + 1] == UInt8(ascii: "u")
        else { return nil }
        return UInt32(String(decoding: bytes[index + 2..<index + 6], as: UTF8.self), radix: 16)
    }
}

/// Turns the parser's nodes into values.
private struct NodeConversion {
    let linesBefore: Int
    var budget: Int

    mutating func value(_ node: Node) throws(FieldError) -> YAMLValue {
        let line = linesBefore + (node.mark?.line ?? 1)
        budget -= 1
        guard budget > 0 else {
            throw FieldError(line: line, path: "", reason: "aliases expand to too much")
        }
        switch node {
        case .scalar(let scalar):
            let isPlain = scalar.style == .plain || scalar.style == .any
            if isPlain, ["", "~", "null", "Null", "NULL"].contains(scalar.string) {
                return YAMLValue(line: line, content: .null)
            }
            return YAMLValue(line: line, content: .scalar(scalar.string, isPlain: isPlain))
        case .sequence(let sequence):
            var values: [YAMLValue] = []
            values.reserveCapacity(sequence.count)
            for element in sequence { values.append(try value(element)) }
            return YAMLValue(line: line, content: .sequence(values))
        case .mapping(let mapping):
            var entries: [YAMLValue.Entry] = []
            entries.reserveCapacity(mapping.count)
            for (key, element) in mapping {
                guard case .scalar(let name) = key else {
                    throw FieldError(line: line, path: "", reason: "a key must be a name")
                }
                entries.append(
                    YAMLValue.Entry(
                        key: name.string,
                        keyLine: linesBefore + (key.mark?.line ?? 1),
                        value: try value(element)
                    )
                )
            }
            return YAMLValue(line: line, content: .mapping(entries))
        case .alias:
            throw FieldError(line: line, path: "", reason: "unknown alias")
        }
    }
}
