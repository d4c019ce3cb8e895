/// Text that comes from outside, made fit for a picture: nothing in it is markup, and nothing
/// reorders what stands around it.
enum PictureText {
    /// For the content of an XML element, or an attribute in double quotes.
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

    /// A string of DOT, with its quotes. Backslashes are doubled, or `\N` would be the node's name.
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

    /// What XML 1.0 has no way to write, line breaks, and what turns the direction of writing.
    private static func printable(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        switch scalar.value {
        case 0x00...0x1f, 0x7f...0x9f, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069,
            0xfffe, 0xffff:
            "\u{fffd}"
        default: scalar
        }
    }

    // MARK: - Width

    /// Text cut to so many units, with `…` where something is missing. A unit is the width of a
    /// narrow letter; wide ones, as of Chinese, count two, since the fonts that will be used are
    /// not known.
    static func cut(_ text: String, to units: Int) -> String {
        if width(text) <= units { return text }
        var room = units - 1
        let kept = text.prefix { character in
            room -= width(character)
            return room >= 0
        }
        return kept + "…"
    }

    /// The same with the middle left out: addresses of one network differ at their ends. For text
    /// whose characters are all narrow.
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
