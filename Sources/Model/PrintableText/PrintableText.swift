/// `printable(text)` in quotes.
package func quoted(_ text: String) -> String {
    "\"\(printable(text))\""
}

/// All of `text`, which may have several lines, with the same scalars replaced as in `printable` but for line
/// breaks.
package func printableLines(_ text: String) -> String {
    // By scalars: a carriage return and a line break are one character.
    text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        .map { printable(String($0), limit: .max) }
        .joined(separator: "\n")
}

/// The first `limit` Unicode scalars of `text`, which may be hostile: control characters, invisible
/// ones and those that change the reading direction become U+FFFD, and `…` marks the cut.
package func printable(_ text: String, limit: Int = 80) -> String {
    var result = ""
    for scalar in text.unicodeScalars.prefix(limit) {
        let isHarmless =
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
                false
            default: true
            }
        result.unicodeScalars.append(isHarmless ? scalar : "\u{fffd}")
    }
    return text.unicodeScalars.count > limit ? result + "…" : result
}
