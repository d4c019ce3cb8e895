/// Splits a line of keepalived.conf as keepalived does: a comment begins at `#` or `!` and a brace
/// stands for itself wherever they are, except between double quotes.
enum KeepalivedLine {
    enum Token: Equatable {
        case word(String)
        case open
        case close

        /// As the line has it.
        var text: String {
            switch self {
            case .word(let text): text
            case .open: "{"
            case .close: "}"
            }
        }
    }

    /// A double quote that the line does not close.
    struct QuoteIsOpen: Error {}

    private static let blanks: Set<UInt8> = [0x20, 0x09, 0x0d]
    private static let backslash = UInt8(ascii: "\\")
    private static let quote = UInt8(ascii: "\"")
    private static let comments: Set = [UInt8(ascii: "#"), UInt8(ascii: "!")]
    private static let open = UInt8(ascii: "{")
    private static let close = UInt8(ascii: "}")
    private static let dollar = UInt8(ascii: "$")

    static func tokens(
        _ bytes: Substring.UTF8View.SubSequence
    ) throws(QuoteIsOpen) -> [Token] {
        var tokens: [Token] = []
        var rest = bytes
        while let byte = rest.first {
            switch byte {
            case let blank where blanks.contains(blank): rest.removeFirst()
            case let sign where comments.contains(sign): return tokens
            case open:
                tokens.append(.open)
                rest.removeFirst()
            case close:
                tokens.append(.close)
                rest.removeFirst()
            case quote: tokens.append(.word(try quoted(&rest)))
            default: tokens.append(.word(word(&rest)))
            }
        }
        return tokens
    }

    /// What stands between double quotes, which `\"` does not end. Single quotes are not syntax: only
    /// keepalived's scripts know them.
    private static func quoted(
        _ rest: inout Substring.UTF8View.SubSequence
    ) throws(QuoteIsOpen) -> String {
        rest.removeFirst()
        var text: [UInt8] = []
        while let byte = rest.popFirst() {
            if byte == quote { return String(decoding: text, as: UTF8.self) }
            if byte == backslash, let next = rest.first {
                if next != quote { text.append(byte) }
                text.append(next)
                rest.removeFirst()
            } else {
                text.append(byte)
            }
        }
        throw QuoteIsOpen()
    }

    /// Up to a blank, a quote, a brace or a comment. `\#`, `\!` and `\"` are characters like others, and
    /// so is all of `${NAME}`.
    private static func word(_ rest: inout Substring.UTF8View.SubSequence) -> String {
        var text: [UInt8] = []
        while let byte = rest.first {
            if blanks.contains(byte) || comments.contains(byte)
                || [quote, open, close].contains(byte)
            {
                break
            }
            rest.removeFirst()
            if byte == backslash, let next = rest.first,
                comments.contains(next) || next == quote || next == backslash
            {
                if next == backslash { text.append(byte) }
                text.append(next)
                rest.removeFirst()
                continue
            }
            text.append(byte)
            if byte == dollar, rest.first == open, let end = rest.firstIndex(of: close) {
                text += rest[...end]
                rest = rest[rest.index(after: end)...]
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    // MARK: - Definitions

    /// True for `$NAME=VALUE`, whose value may be anything, also braces.
    static func isDefinition(_ tokens: [Token]) -> Bool {
        guard case .word(let first)? = tokens.first, first.hasPrefix("$") else { return false }
        if first.contains("=") { return true }
        guard tokens.count > 1, case .word(let second) = tokens[1] else { return false }
        return second.hasPrefix("=")
    }

    /// True if the line ends with a backslash.
    static func goesOn(_ bytes: Substring.UTF8View.SubSequence) -> Bool {
        bytes.last { !blanks.contains($0) } == backslash
    }
}
