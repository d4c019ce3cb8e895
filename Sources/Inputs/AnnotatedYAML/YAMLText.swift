import PrintableText

/// Reads YAML and JSON text, document by document, so that an error in one does not affect the
/// others.
///
/// Text that begins with `{` or `[` is read as JSON, whatever its file name, and may hold several
/// objects in a row. If it is not JSON after all, it is read as YAML.
package enum YAMLText {
    /// Larger texts are rejected.
    package static let maximumBytes = 64 << 20
    /// Deeper nesting is rejected before a parser recurses into it.
    package static let maximumDepth = 200
    /// More anchors (`&name`) in one document are rejected.
    package static let maximumAnchors = 1000
    /// With at most this many, any thread's stack is sufficient.
    private static let fewAnchors = 20

    /// The documents of `text` in order, without empty ones.
    package static func documents(_ text: String) -> [Result<YAMLValue, FieldError>] {
        guard text.utf8.count <= maximumBytes else {
            return [.failure(FieldError(line: 1, path: "", reason: "larger than 64 MiB"))]
        }
        return split(withoutMarks(text)).flatMap(documents)
    }

    /// As `documents`, but the last of several equal keys is used, as JSON decoders do;
    /// `overridden` lists the others.
    package static func documentsTakingLastKeys(
        _ text: String
    ) -> (documents: [Result<YAMLValue, FieldError>], overridden: [FieldError]) {
        // They would move columns.
        var marking = DuplicateKeys(withoutMarks(text))
        while true {
            let documents = documents(marking.text)
            let duplicate = documents.lazy.compactMap { document -> DuplicateKey? in
                guard case .failure(let error) = document else { return nil }
                return error.duplicate
            }.first
            guard let duplicate, marking.mark(duplicate) else {
                return marking.unmark(documents)
            }
        }
    }

    /// Without byte order marks at the beginning of lines, where each document may have one, as files
    /// have that are written one after the other.
    private static func withoutMarks(_ text: String) -> String {
        guard text.utf8.contains(0xef) else { return text }
        var result = String.UnicodeScalarView()
        var isLineStart = true
        for scalar in text.unicodeScalars where !(isLineStart && scalar == "\u{feff}") {
            result.append(scalar)
            isLineStart = scalar == "\n"
        }
        return String(result)
    }

    /// A part of a text, and the number of lines before it.
    private struct Chunk {
        var text: Substring
        var linesBefore: Int
    }

    /// Splits at lines that begin with `---`, which neither YAML nor JSON allows inside a document.
    private static func split(_ text: String) -> [Chunk] {
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

    // MARK: - JSON

    private static func documents(_ chunk: Chunk) -> [Result<YAMLValue, FieldError>] {
        guard mayBeJSON(chunk) else { return yaml(chunk) }
        // Removes the marker but keeps every character's column.
        let hasMark = isSeparator(chunk.text.utf8.prefix(4))
        let text = hasMark ? ("   " + chunk.text.dropFirst(3))[...] : chunk.text
        var reader = JSONReader(text, line: chunk.linesBefore + 1)
        var documents: [Result<YAMLValue, FieldError>] = []
        while reader.findValue() {
            reader.duplicate = nil
            let start = reader
            do throws(JSONReader.Failure) {
                let value = try reader.value()
                var next = reader
                // Followed by something else: `[a]: b` begins like a list.
                guard next.findValue() || next.isAtEnd else {
                    return documents + yaml(rest(text, start))
                }
                documents.append(reader.duplicate.map { .failure($0) } ?? .success(value))
            } catch {
                guard !error.isFinal else { return documents + [.failure(error.error)] }
                let others = yaml(rest(text, start))
                // Of two errors, the one further into the text; YAML with duplicate keys is YAML.
                if case .failure(let other) = others.first, other.duplicate == nil,
                    other.line <= error.error.line
                {
                    return documents + [.failure(error.error)]
                }
                return documents + others
            }
        }
        return documents
    }

    /// The rest of a text from a value on, with every character in its column.
    private static func rest(_ text: Substring, _ reader: JSONReader) -> Chunk {
        let start = text.utf8.index(text.utf8.startIndex, offsetBy: reader.offset)
        let padding = String(repeating: " ", count: reader.column)
        return Chunk(text: (padding + text[start...])[...], linesBefore: reader.line - 1)
    }

    private static func mayBeJSON(_ chunk: Chunk) -> Bool {
        var rest = chunk.text.utf8[...]
        if isSeparator(rest.prefix(4)) { rest = rest.dropFirst(3) }
        while let byte = rest.first {
            switch byte {
            case 0x20, 0x09, 0x0a, 0x0d: rest = rest.dropFirst()
            case UInt8(ascii: "#"): rest = rest.drop { $0 != 0x0a }
            default: return JSONReader.opens(byte)
            }
        }
        return false
    }

    // MARK: - YAML

    private static func yaml(_ chunk: Chunk) -> [Result<YAMLValue, FieldError>] {
        do throws(FieldError) {
            return try parse(chunk).map { [.success($0)] } ?? []
        } catch {
            return [.failure(error)]
        }
    }

    private static func parse(_ chunk: Chunk) throws(FieldError) -> YAMLValue? {
        if let line = tooDeep(chunk.text) {
            throw FieldError(
                line: chunk.linesBefore + line,
                path: "",
                reason: "nested deeper than \(maximumDepth) levels"
            )
        }
        let anchors = anchorCount(chunk.text)
        guard anchors <= maximumAnchors else {
            throw FieldError(
                line: chunk.linesBefore + 1,
                path: "",
                reason: "has more than \(maximumAnchors) anchors"
            )
        }
        // Each anchor may nest the one before it, and the parser's nodes are then released
        // recursively.
        guard anchors > fewAnchors else { return try compose(chunk) }
        let result = DeepStack.run { () -> Result<YAMLValue?, FieldError> in
            do throws(FieldError) {
                return .success(try compose(chunk))
            } catch {
                return .failure(error)
            }
        }
        guard let result else {
            throw FieldError(
                line: chunk.linesBefore + 1,
                path: "",
                reason:
                    "has more than \(fewAnchors) anchors, and there is not enough memory to follow them"
            )
        }
        return try result.get()
    }

    private static func compose(_ chunk: Chunk) throws(FieldError) -> YAMLValue? {
        guard let node = try NodeReader.root(chunk.text, linesBefore: chunk.linesBefore) else {
            return nil
        }
        // Aliases can expand a short text enormously; more than ten values per byte is not genuine.
        var conversion = NodeConversion(budget: 1000 + chunk.text.utf8.count)
        let value = try conversion.value(node)
        return value.content == .null ? nil : value
    }

    /// An upper bound for the number of anchors: `&` and a name where a value may begin, also behind the
    /// last byte of the other line breaks that libyaml knows (U+0085, U+2028, U+2029).
    private static func anchorCount(_ text: Substring) -> Int {
        let openers = Set(" \t\n\r[{,:-?".utf8).union([0x85, 0xa8, 0xa9])
        var count = 0
        var mayBegin = true
        var isMarked = false
        for byte in text.utf8 {
            let isEnd = openers.contains(byte) || byte == UInt8(ascii: "&")
            if isMarked, !isEnd { count += 1 }
            isMarked = mayBegin && byte == UInt8(ascii: "&")
            mayBegin = openers.contains(byte)
        }
        return count
    }

    /// The line where nesting exceeds the maximum, by brackets or by `- - -`, if any.
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
}
