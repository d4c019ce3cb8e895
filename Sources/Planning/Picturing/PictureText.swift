/// Makes external text safe for a picture: none of it is markup, and none reorders the text around
/// it.
enum PictureText {
    /// For XML content or an attribute in double quotes.
    static func xml(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(printable(scalar))
            }
        }
        return result
    }

    /// A quoted DOT string. Backslashes are doubled, because `\N` would be the node's name.
    static func dot(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            default: result.unicodeScalars.append(printable(scalar))
            }
        }
        return result + "\""
    }

    /// Replaces characters that XML 1.0 cannot represent, line breaks, and characters that change
    /// the writing direction.
    private static func printable(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        switch scalar.value {
        case 0x00...0x1f, 0x7f...0x9f, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069,
            0xfffe, 0xffff:
            "\u{fffd}"
        default: scalar
        }
    }

    // MARK: - Width

    /// Truncates text to a number of units, with `…` in place of the rest. A unit is the width of a
    /// narrow letter; wide ones, as in Chinese, count as two, because the fonts in use are unknown.
    static func cut(_ text: String, to units: Int) -> String {
        if width(text) <= units { return text }
        var room = units - 1
        let kept = text.prefix { character in
            room -= width(character)
            return room >= 0
        }
        return kept + "…"
    }

    /// As `cut`, but omits the middle: addresses of one network differ at their ends. For text of
    /// narrow characters only.
    static func cutMiddle(_ text: String, to units: Int) -> String {
        if text.count <= units { return text }
        let tail = (units - 1) * 2 / 3
        return "\(text.prefix(units - 1 - tail))…\(text.suffix(tail))"
    }

    static func width(_ text: String) -> Int { text.reduce(0) { $0 + width($1) } }

    private static func width(_ character: Character) -> Int {
        character.unicodeScalars.contains { $0.value >= 0x1100 } ? 2 : 1
    }
}
