/// Writes SVG element by element. Attributes keep their order, so that equal pictures have equal
/// text.
struct SVGWriter {
    typealias Attribute = (name: String, value: String)

    private(set) var text = ""
    private var open: [String] = []

    private var indent: String { String(repeating: "  ", count: open.count) }

    mutating func begin(_ name: String, _ attributes: [Attribute] = [], title: String? = nil) {
        text += "\(indent)<\(name)\(Self.text(attributes))>\n"
        open.append(name)
        if let title { element("title", [], title) }
    }

    mutating func end() {
        guard let name = open.popLast() else { return }
        text += "\(indent)</\(name)>\n"
    }

    /// One line; self-closing without content.
    mutating func element(_ name: String, _ attributes: [Attribute], _ content: String? = nil) {
        text += "\(indent)<\(name)\(Self.text(attributes))"
        text += content.map { ">\(PictureText.xml($0))</\(name)>\n" } ?? "/>\n"
    }

    /// Style sheets are constants without markup.
    mutating func style(_ sheet: String) {
        text += "\(indent)<style>\n\(sheet)\(indent)</style>\n"
    }

    private static func text(_ attributes: [Attribute]) -> String {
        attributes.map { " \($0.name)=\"\(PictureText.xml($0.value))\"" }.joined()
    }
}

/// The alignment of text at its position.
enum TextAnchor: String {
    case start
    case middle
    case end
}

extension SVGWriter {
    mutating func box(_ frame: Frame, _ style: String, radius: Int = 8) {
        element(
            "rect",
            [
                ("class", style), ("x", "\(frame.x)"), ("y", "\(frame.y)"),
                ("width", "\(frame.width)"), ("height", "\(frame.height)"), ("rx", "\(radius)"),
            ]
        )
    }

    mutating func label(
        _ content: String,
        _ x: Int,
        _ y: Int,
        _ style: String,
        anchor: TextAnchor = .start
    ) {
        var attributes: [Attribute] = [("class", style), ("x", "\(x)"), ("y", "\(y)")]
        if anchor != .start { attributes.append(("text-anchor", anchor.rawValue)) }
        element("text", attributes, content)
    }

    /// From left to right, horizontal at both ends.
    mutating func edge(
        from start: (x: Int, y: Int),
        to end: (x: Int, y: Int),
        _ style: String,
        width: Double
    ) {
        let middle = (start.x + end.x) / 2
        element(
            "path",
            [
                ("class", style),
                (
                    "d",
                    "M\(start.x),\(start.y) C\(middle),\(start.y) \(middle),\(end.y) \(end.x),\(end.y)"
                ),
                ("stroke-width", Self.decimal(width)),
            ]
        )
    }

    /// With one decimal, whatever the locale.
    static func decimal(_ number: Double) -> String {
        let tenths = Int((number * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}

/// A rectangle, in pixels.
struct Frame: Equatable {
    var x: Int
    var y: Int
    var width: Int
    var height: Int

    var right: Int { x + width }
    var bottom: Int { y + height }
    var middle: Int { y + height / 2 }
}
