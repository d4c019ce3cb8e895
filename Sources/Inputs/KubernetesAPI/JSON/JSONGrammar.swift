/// The grammar of JSON (RFC 8259), byte by byte, so that a mistake is found at the same byte however
/// the bytes are cut.
///
/// Needed because the decoder is more generous with what it does not read, or what it reads in another
/// way than the splitter: numbers such as 0952, a comma before a closing bracket, UTF-16. The encoding
/// of texts is left to it. A sequence of values is allowed.
struct JSONGrammar: Sendable {
    static let maximumDepth = UInt128.bitWidth

    private enum Place {
        case value
        /// A value, or the end of an empty list.
        case firstElement
        case key
        /// A key, or the end of an empty object.
        case firstKey
        case colon
        /// A comma, or the end of the container.
        case separator
        case text
        case escape
        /// So many digits of `\u` are missing.
        case hexadecimal(Int)
        /// The rest of `true`, `false` or `null`, its next byte lowest.
        case word(UInt32)
        case number(JSONNumber)
    }

    private var place = Place.value
    /// Whether each open container is an object, the innermost one in the lowest bit.
    private var objects: UInt128 = 0
    private(set) var depth = 0
    /// Whether the text, or the last one, is a key.
    private(set) var isKey = false

    /// The innermost container is an object.
    var isInObject: Bool { depth > 0 && objects & 1 == 1 }

    var isInText: Bool {
        switch place {
        case .text, .escape, .hexadecimal: true
        default: false
        }
    }

    /// Where bytes that `take` would change nothing for end: most of a text, which need not go through it.
    func endOfPlainText(_ bytes: Span<UInt8>, from position: Int) -> Int {
        guard case .text = place else { return position }
        var end = position
        while end < bytes.count, Self.isPlain(bytes[end]) { end += 1 }
        return end
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    /// The next byte. After an error nothing more may be taken.
    mutating func take(_ byte: UInt8) throws(APIDecodingError) {
        switch place {
        case .text: try takeText(byte)
        case .escape: try takeEscape(byte)
        case .hexadecimal(let missing):
            guard Self.isHexadecimal(byte) else { throw .misplaced }
            place = missing == 1 ? .text : .hexadecimal(missing - 1)
        case .word(let rest):
            guard byte == UInt8(truncatingIfNeeded: rest) else { throw .misplaced }
            if rest >> 8 == 0 { endValue() } else { place = .word(rest >> 8) }
        case .number(let part):
            if let next = part.followed(by: byte) {
                place = .number(next)
                return
            }
            guard part.mayEnd else { throw .misplaced }
            endValue()
            try takeBetween(byte)
        default: try takeBetween(byte)
        }
    }

    // MARK: - Between texts, numbers and words

    private mutating func takeBetween(_ byte: UInt8) throws(APIDecodingError) {
        switch byte {
        case 0x20, 0x09, 0x0a, 0x0d: break
        case UInt8(ascii: "{"): try open(isObject: true)
        case UInt8(ascii: "["): try open(isObject: false)
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            try close(isObject: byte == UInt8(ascii: "}"))
        case UInt8(ascii: ","):
            guard case .separator = place else { throw .misplaced }
            place = isInObject ? .key : .value
        case UInt8(ascii: ":"):
            guard case .colon = place else { throw .misplaced }
            place = .value
        case UInt8(ascii: "\""): try beginText()
        default: try beginScalar(byte)
        }
    }

    private mutating func open(isObject: Bool) throws(APIDecodingError) {
        try checkValue()
        guard depth < Self.maximumDepth else {
            throw APIDecodingError(reason: "JSON nested deeper than \(Self.maximumDepth) levels")
        }
        depth += 1
        objects = objects << 1 | (isObject ? 1 : 0)
        place = isObject ? .firstKey : .firstElement
    }

    private mutating func close(isObject: Bool) throws(APIDecodingError) {
        switch place {
        case .separator, .firstKey, .firstElement: break
        default: throw .misplaced
        }
        guard isInObject == isObject else { throw .misplaced }
        depth -= 1
        objects >>= 1
        endValue()
    }

    private mutating func beginText() throws(APIDecodingError) {
        switch place {
        case .key, .firstKey: isKey = true
        case .value, .firstElement: isKey = false
        default: throw .misplaced
        }
        place = .text
    }

    private mutating func beginScalar(_ byte: UInt8) throws(APIDecodingError) {
        try checkValue()
        switch byte {
        case UInt8(ascii: "t"): place = .word(Self.packed("rue"))
        case UInt8(ascii: "f"): place = .word(Self.packed("alse"))
        case UInt8(ascii: "n"): place = .word(Self.packed("ull"))
        default:
            guard let number = JSONNumber(first: byte) else { throw .misplaced }
            place = .number(number)
        }
    }

    private func checkValue() throws(APIDecodingError) {
        switch place {
        case .value, .firstElement: break
        default: throw .misplaced
        }
    }

    private mutating func endValue() { place = depth == 0 ? .value : .separator }

    private static func packed(_ text: StaticString) -> UInt32 {
        text.description.utf8.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    // MARK: - Texts

    private mutating func takeText(_ byte: UInt8) throws(APIDecodingError) {
        switch byte {
        case UInt8(ascii: "\""): if isKey { place = .colon } else { endValue() }
        case UInt8(ascii: "\\"): place = .escape
        case 0..<0x20: throw .misplaced
        default: break
        }
    }

    private mutating func takeEscape(_ byte: UInt8) throws(APIDecodingError) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            place = .text
        case UInt8(ascii: "u"): place = .hexadecimal(4)
        default: throw .misplaced
        }
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}

/// How far a number is read.
private enum JSONNumber {
    case minus
    /// A first zero, which no digit may follow.
    case zero
    case whole
    case point
    case fraction
    case exponent
    case exponentSign
    case power

    init?(first byte: UInt8) {
        switch byte {
        case UInt8(ascii: "-"): self = .minus
        case UInt8(ascii: "0"): self = .zero
        case UInt8(ascii: "1")...UInt8(ascii: "9"): self = .whole
        default: return nil
        }
    }

    /// Nil if the byte is no part of the number.
    func followed(by byte: UInt8) -> JSONNumber? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return followedByDigit(byte)
        case UInt8(ascii: "."): return self == .zero || self == .whole ? .point : nil
        case UInt8(ascii: "e"), UInt8(ascii: "E"):
            return self == .zero || self == .whole || self == .fraction ? .exponent : nil
        case UInt8(ascii: "+"), UInt8(ascii: "-"):
            return self == .exponent ? .exponentSign : nil
        default: return nil
        }
    }

    private func followedByDigit(_ byte: UInt8) -> JSONNumber? {
        switch self {
        case .minus: byte == UInt8(ascii: "0") ? .zero : .whole
        case .zero: nil
        case .whole: .whole
        case .point, .fraction: .fraction
        case .exponent, .exponentSign, .power: .power
        }
    }

    var mayEnd: Bool {
        switch self {
        case .zero, .whole, .fraction, .power: true
        case .minus, .point, .exponent, .exponentSign: false
        }
    }
}

extension APIDecodingError {
    static let misplaced = APIDecodingError(reason: "not valid API server JSON")
}
