/// `text` in quotes, truncated and without control characters: it may be hostile.
package func quoted(_ text: String) -> String {
    "\"\(printable(text))\""
}

/// At most 80 characters of `text`; control and invisible characters, and those that change the
/// reading direction, are replaced.
package func printable(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars.prefix(80) {
        let isHarmless =
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
                false
            default: true
            }
        result.unicodeScalars.append(isHarmless ? scalar : "\u{fffd}")
    }
    return text.unicodeScalars.count > 80 ? result + "…" : result
}
