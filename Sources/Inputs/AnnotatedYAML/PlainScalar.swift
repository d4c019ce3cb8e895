/// The type of an unquoted scalar according to the Kubernetes tools: YAML 1.1 as resolved by
/// go-yaml v2, on which sigs.k8s.io/yaml builds. Only decided here.
package enum PlainScalar: Sendable, Equatable {
    case null
    case boolean(Bool)
    case integer(Int)
    /// A fraction, or an integer too large for 64 bits.
    case otherNumber
    case text

    package init(_ text: String) {
        if let word = Self.words[text] {
            self = word
        } else {
            self = Self.number(text) ?? .text
        }
    }

    private static let words: [String: PlainScalar] = {
        var words: [String: PlainScalar] = [:]
        for word in ["", "~", "null", "Null", "NULL"] { words[word] = .null }
        for word in ["y", "yes", "on", "true"] { add(word, .boolean(true)) }
        for word in ["n", "no", "off", "false"] { add(word, .boolean(false)) }
        for word in ["inf", "Inf", "INF"] {
            for sign in ["", "+", "-"] { words["\(sign).\(word)"] = .otherNumber }
        }
        for word in [".nan", ".NaN", ".NAN"] { words[word] = .otherNumber }
        /// The three spellings of YAML 1.1: not `tRUE`.
        func add(_ word: String, _ meaning: PlainScalar) {
            words[word] = meaning
            words[word.uppercased()] = meaning
            words[word.prefix(1).uppercased() + word.dropFirst()] = meaning
        }
        return words
    }()

    /// Integers as in Go's `strconv.ParseInt` with base 0, then floats. Underscores are ignored
    /// anywhere.
    private static func number(_ text: String) -> PlainScalar? {
        guard let first = text.utf8.first, isDigit(first) || [0x2b, 0x2d, 0x2e].contains(first)
        else { return nil }
        let plain = text.filter { $0 != "_" }
        if let integer = integer(plain) { return .integer(integer) }
        guard isFloat(plain), let value = Double(plain) else { return nil }
        return Int(exactly: value).map { .integer($0) } ?? .otherNumber
    }

    private static func integer(_ text: String) -> Int? {
        var digits = text[...]
        let sign = digits.first == "-" ? "-" : ""
        if digits.first == "-" || digits.first == "+" { digits = digits.dropFirst() }
        var radix = 10
        if digits.first == "0", digits.utf8.count > 1 {
            digits = digits.dropFirst()
            switch digits.first {
            case "x", "X": (radix, digits) = (16, digits.dropFirst())
            case "b", "B": (radix, digits) = (2, digits.dropFirst())
            case "o", "O": (radix, digits) = (8, digits.dropFirst())
            default: radix = 8
            }
        }
        // Swift would accept a second sign.
        guard let first = digits.first, first != "-", first != "+" else { return nil }
        return Int(sign + digits, radix: radix)
    }

    /// `1`, `1.`, `.5`, `1.5`, each with or without an exponent.
    private static func isFloat(_ text: String) -> Bool {
        var rest = text.utf8[...]
        func skipSign() {
            if let first = rest.first, first == 0x2b || first == 0x2d { rest = rest.dropFirst() }
        }
        func skipDigits() -> Int {
            let digits = rest.prefix(while: isDigit).count
            rest = rest.dropFirst(digits)
            return digits
        }
        skipSign()
        var digits = skipDigits()
        if rest.first == 0x2e {
            rest = rest.dropFirst()
            digits += skipDigits()
        }
        guard digits > 0 else { return false }
        if let first = rest.first, first == 0x65 || first == 0x45 {
            rest = rest.dropFirst()
            skipSign()
            guard skipDigits() > 0 else { return false }
        }
        return rest.isEmpty
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}

extension YAMLValue {
    /// The type of a scalar; nil for lists and mappings. Quoted scalars are text.
    package var resolved: PlainScalar? {
        switch content {
        case .null: .null
        case .scalar(let text, let isPlain): isPlain ? PlainScalar(text) : .text
        case .sequence, .mapping: nil
        }
    }

    /// A scalar in canonical spelling: `true` for `Yes`, `16` for `0x10`, text unchanged; nil for
    /// anything else.
    package var canonicalText: String? {
        guard case .scalar(let text, _) = content else { return nil }
        return switch resolved {
        case .boolean(let value): "\(value)"
        case .integer(let number): "\(number)"
        default: text
        }
    }
}
