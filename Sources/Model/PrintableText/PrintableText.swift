/// `text` in quotes, truncated and without control characters: it may be hostile.
package func quoted(_ text: String) -> String {
    "\"\(printable(text))\""
}

/// At most `limit` characters of `text`; control characters, and those that turn the reading direction
/// or can't be seen, replaced.
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
