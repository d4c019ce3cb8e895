import PrintableText

/// Reads JSON values (RFC 8259) one after another, with line numbers.
///
/// A lone surrogate becomes U+FFFD, as in Go's decoder.
struct JSONReader {
    /// A text that is not JSON, or must not be used.
    struct Failure: Error {
        var error: FieldError
        /// The text is JSON, so it must not be tried as YAML.
        var isFinal: Bool
    }

    private let bytes: [UInt8]
    private(set) var offset = 0
    /// Line of `offset`, 1-based.
    private(set) var line: Int
    /// The first duplicate key, if any.
    var duplicate: FieldError?

    init(_ text: Substring, line: Int) {
        bytes = Array(text.utf8)
        self.line = line
    }

    /// Moves to the next value, past blanks and comments, which YAML allows there; false at the
    /// end, or if neither an object nor a list follows.
    mutating func findValue() -> Bool {
        skipBlanks()
        while offset < bytes.count, bytes[offset] == UInt8(ascii: "#") {
            while offset < bytes.count, bytes[offset] != 0x0a { offset += 1 }
            skipBlanks()
        }
        return offset < bytes.count && Self.opens(bytes[offset])
    }

    var isAtEnd: Bool { offset == bytes.count }

    static func opens(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[")
    }

    /// Number of characters before `offset` on its line.
    var column: Int { column(of: offset) }

    mutating func value(depth: Int = 1) throws(Failure) -> YAMLValue {
        guard depth <= YAMLText.maximumDepth + 1 else {
            throw tooDeep()
        }
        let start = line
        guard offset < bytes.count else { throw failure("unexpected end of text") }
        switch bytes[offset] {
        case UInt8(ascii: "{"): return YAMLValue(line: start, content: try mapping(depth))
        case UInt8(ascii: "["): return YAMLValue(line: start, content: try sequence(depth))
        case UInt8(ascii: "\""):
            return YAMLValue(line: start, content: .scalar(try string(), isPlain: false))
        default: return YAMLValue(line: start, content: try word())
        }
    }

    // MARK: - Mappings and lists

    private mutating func mapping(_ depth: Int) throws(Failure) -> YAMLValue.Content {
        offset += 1
        var entries: [YAMLValue.Entry] = []
        var keys = KeyOffsets()
        skipBlanks()
        if take("}") { return .mapping([]) }
        while true {
            let (keyLine, keyOffset) = (line, offset)
            guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else {
                throw failure("expected a key in double quotes")
            }
            let key = try string()
            if let first = keys.add(key, keyOffset), duplicate == nil {
                noteDuplicate(key, first, entries.first { $0.key == key }?.keyLine ?? line)
            }
            skipBlanks()
            guard take(":") else { throw failure("expected a colon after \(quoted(key))") }
            skipBlanks()
            let value = try value(depth: depth + 1)
            entries.append(YAMLValue.Entry(key: key, keyLine: keyLine, value: value))
            skipBlanks()
            if take("}") { return .mapping(entries) }
            guard take(",") else { throw failure("expected a comma or a closing brace") }
            skipBlanks()
        }
    }

    /// The offsets of a mapping's keys.
    private struct KeyOffsets {
        private var offsets: [String: Int] = [:]

        /// The key's former offset, if it is a duplicate.
        mutating func add(_ key: String, _ offset: Int) -> Int? {
            if let first = offsets[key] { return first }
            offsets[key] = offset
            return nil
        }
    }

    private mutating func sequence(_ depth: Int) throws(Failure) -> YAMLValue.Content {
        offset += 1
        var elements: [YAMLValue] = []
        skipBlanks()
        if take("]") { return .sequence([]) }
        while true {
            elements.append(try value(depth: depth + 1))
            skipBlanks()
            if take("]") { return .sequence(elements) }
            guard take(",") else { throw failure("expected a comma or a closing bracket") }
            skipBlanks()
        }
    }

    // MARK: - Scalars

    private mutating func string() throws(Failure) -> String {
        offset += 1
        let start = offset
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                defer { offset += 1 }
                return String(decoding: bytes[start..<offset], as: UTF8.self)
            case UInt8(ascii: "\\"): return try escapedString(Array(bytes[start..<offset]))
            case 0..<0x20: throw failure("control character in a string")
            default: offset += 1
            }
        }
        throw failure("unterminated string")
    }

    /// The rest of a string, from its first escape on.
    private mutating func escapedString(_ start: [UInt8]) throws(Failure) -> String {
        var text = start
        while offset < bytes.count {
            let byte = bytes[offset]
            offset += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): text += try escape()
            case 0..<0x20: throw failure("control character in a string")
            default: text.append(byte)
            }
        }
        throw failure("unterminated string")
    }

    private mutating func escape() throws(Failure) -> [UInt8] {
        guard offset < bytes.count else { throw failure("unterminated string") }
        let byte = bytes[offset]
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"):
            guard var code = hexadecimal(at: offset) else { throw failure("\\u without 4 digits") }
            offset += 4
            if (0xd800..<0xdc00).contains(code), bytes[offset...].starts(with: "\\u".utf8),
                let low = hexadecimal(at: offset + 2), (0xdc00..<0xe000).contains(low)
            {
                offset += 6
                code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00)
            }
            return Array(String(Unicode.Scalar(code) ?? "\u{fffd}").utf8)
        default: throw failure("unknown escape in a string")
        }
    }

    private func hexadecimal(at index: Int) -> UInt32? {
        guard index + 4 <= bytes.count else { return nil }
        let digits = bytes[index..<index + 4]
        // Swift would accept a sign, and read -0 as 0.
        guard digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-") else {
            return nil
        }
        return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    /// `true`, `false`, `null` or a number.
    private mutating func word() throws(Failure) -> YAMLValue.Content {
        let start = offset
        while offset < bytes.count, Self.isInWord(bytes[offset]) { offset += 1 }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        switch text {
        case "null": return .null
        case "true", "false": return .scalar(text, isPlain: true)
        default:
            guard Self.isNumber(text) else {
                throw failure("\(quoted(text)) is not a value, or lacks quotes")
            }
            return .scalar(text, isPlain: true)
        }
    }

    private static func isInWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0...0x20, UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "]"), UInt8(ascii: "}"),
            UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: "\""):
            false
        default: true
        }
    }

    /// No leading zeros, which YAML reads as octal, and digits on both sides of a point.
    private static func isNumber(_ text: String) -> Bool {
        var rest = text.utf8[...]
        func digits() -> Substring.UTF8View {
            let found = rest.prefix { (0x30...0x39).contains($0) }
            rest = rest.dropFirst(found.count)
            return found
        }
        if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        let whole = digits()
        guard let first = whole.first, first != 0x30 || whole.count == 1 else { return false }
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            guard !digits().isEmpty else { return false }
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            if rest.first == 0x2b || rest.first == 0x2d { rest = rest.dropFirst() }
            guard !digits().isEmpty else { return false }
        }
        return rest.isEmpty
    }

    // MARK: - Places

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: character) else { return false }
        offset += 1
        return true
    }

    private mutating func skipBlanks() {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x0a: line += 1
            case 0x20, 0x09, 0x0d: break
            default: return
            }
            offset += 1
        }
    }

    private func column(of offset: Int) -> Int {
        let line = bytes[..<offset].lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
        return bytes[line..<offset].count { $0 & 0xc0 != 0x80 }
    }

    private func failure(_ reason: String) -> Failure {
        let error = FieldError(line: line, path: "", reason: "not valid JSON: \(reason)")
        return Failure(error: error, isFinal: false)
    }

    private func tooDeep() -> Failure {
        let reason = "nested deeper than \(YAMLText.maximumDepth) levels"
        return Failure(error: FieldError(line: line, path: "", reason: reason), isFinal: true)
    }

    private mutating func noteDuplicate(_ key: String, _ offset: Int, _ line: Int) {
        var error = FieldError(line: line, path: "", reason: "key given twice: \(quoted(key))")
        error.duplicate = DuplicateKey(line: line, column: column(of: offset) + 1)
        duplicate = error
    }
}
