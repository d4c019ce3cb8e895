/// `printable(text)` in quotes.
package func quoted(_ text: String) -> String {
    "\"\(printable(text))\""
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
