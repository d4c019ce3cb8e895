import PrintableText

/// A keyword of keepalived.conf with what follows it on its line, and the block that it opens.
struct KeepalivedStatement: Equatable {
    /// 1-based.
    var line: Int
    /// The keyword and its values, without quotes; never empty.
    var words: [String]
    /// Nil without braces.
    var block: [KeepalivedStatement]?

    var keyword: String { words[0] }
    /// Safe to print.
    var title: String { printable(words.joined(separator: " ")) }
}

/// Reads the text of keepalived.conf into statements.
struct KeepalivedText {
    /// Deeper blocks are an error; keepalived's own end at four.
    static let maximumDepth = 32

    struct Failure: Error, Equatable {
        /// 1-based.
        var line: Int
        var reason: String
    }

    /// A block that is still open, with the statement that opened it.
    private struct Open {
        var statement: KeepalivedStatement
        var statements: [KeepalivedStatement] = []
    }

    private var opened: [Open] = []
    private var statements: [KeepalivedStatement] = []
    /// True after a line of a definition that goes on in the next one.
    private var isInDefinition = false

    /// - Throws: an error at the first place where the braces say nothing, as nothing behind it is
    ///   certain.
    static func statements(_ text: String) throws(Failure) -> [KeepalivedStatement] {
        var reader = KeepalivedText()
        var line = 0
        for bytes in text.utf8.split(separator: 0x0a, omittingEmptySubsequences: false) {
            line += 1
            try reader.read(bytes, line)
        }
        guard let open = reader.opened.last else { return reader.statements }
        throw Failure(
            line: open.statement.line,
            reason: "the block of \(open.statement.title) is not closed"
        )
    }

    /// A line: words and braces up to a comment. Its statements end with it.
    private mutating func read(_ bytes: Substring.UTF8View.SubSequence, _ line: Int) throws(Failure)
    {
        let goesOn = KeepalivedLine.goesOn(bytes)
        if isInDefinition {
            isInDefinition = goesOn
            return
        }
        let tokens: [KeepalivedLine.Token]
        do throws(KeepalivedLine.QuoteIsOpen) {
            tokens = try KeepalivedLine.tokens(bytes)
        } catch {
            throw Failure(line: line, reason: "a quote is not closed")
        }
        guard !KeepalivedLine.isDefinition(tokens) else {
            isInDefinition = goesOn
            add(KeepalivedStatement(line: line, words: tokens.map(\.text)))
            return
        }
        var words: [String] = []
        for token in tokens {
            switch token {
            case .word(let text): words.append(text)
            case .open:
                try open(&words, line)
            case .close:
                finish(&words, line)
                guard var last = opened.popLast() else {
                    throw Failure(line: line, reason: "} closes no block")
                }
                last.statement.block = last.statements
                add(last.statement)
            }
        }
        finish(&words, line)
    }

    private mutating func open(_ words: inout [String], _ line: Int) throws(Failure) {
        guard opened.count < Self.maximumDepth else {
            throw Failure(line: line, reason: "blocks nest deeper than \(Self.maximumDepth) levels")
        }
        if words.isEmpty {
            // The brace is on a line of its own, below its keyword.
            guard let statement = takeLast(), statement.block == nil else {
                throw Failure(line: line, reason: "{ follows no keyword")
            }
            opened.append(Open(statement: statement))
            return
        }
        opened.append(Open(statement: KeepalivedStatement(line: line, words: words)))
        words = []
    }

    private mutating func finish(_ words: inout [String], _ line: Int) {
        guard !words.isEmpty else { return }
        add(KeepalivedStatement(line: line, words: words))
        words = []
    }

    private mutating func add(_ statement: KeepalivedStatement) {
        if opened.isEmpty {
            statements.append(statement)
        } else {
            opened[opened.count - 1].statements.append(statement)
        }
    }

    private mutating func takeLast() -> KeepalivedStatement? {
        opened.isEmpty
            ? statements.popLast() : opened[opened.count - 1].statements.popLast()
    }
}
