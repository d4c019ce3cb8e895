/// Colours and fonts. The colours, after Okabe and Ito, are distinguishable with colour vision
/// deficiency; shape, outline and text repeat what they say.
enum PictureStyle {
    static let sheet =
        """
            svg { color-scheme: light dark; }
            text { font-family: system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; }
            .mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
            .t20 { font-size: 20px; font-weight: 600; }
            .t15 { font-size: 15px; font-weight: 600; }
            .t12 { font-size: 12px; }
            .t11 { font-size: 11px; }
            .strong { font-weight: 600; }
            .edge { fill: none; stroke-linecap: round; }
            .dashed { stroke-dasharray: 5 4; }

        """ + theme(light, indent: "    ") + "    @media (prefers-color-scheme: dark) {\n"
        + theme(dark, indent: "      ") + "    }\n"

    private struct Colours {
        var page: String
        var card: String
        var line: String
        var text: String
        var muted: String
        var any: String
        var here: String
        var warning: String
        var tint: String
    }

    private static let light = Colours(
        page: "#f3f5f8",
        card: "#ffffff",
        line: "#cfd6df",
        text: "#18202b",
        muted: "#586575",
        any: "#0067a3",
        here: "#00795a",
        warning: "#b34700",
        tint: "#f7f9fb"
    )
    private static let dark = Colours(
        page: "#0f141a",
        card: "#18202a",
        line: "#37424f",
        text: "#e9eef5",
        muted: "#9eabbb",
        any: "#6fbcf0",
        here: "#4fd6ad",
        warning: "#ffa261",
        tint: "#1e2833"
    )

    private static func theme(_ colours: Colours, indent: String) -> String {
        let rules = [
            ".page { fill: \(colours.page); }",
            ".card { fill: \(colours.card); stroke: \(colours.line); }",
            ".box { fill: \(colours.tint); stroke: \(colours.line); }",
            ".box-any { fill: \(colours.tint); stroke: \(colours.any); stroke-width: 1.5; }",
            ".box-here { fill: \(colours.tint); stroke: \(colours.here); stroke-width: 1.5; }",
            ".box-warning { fill: \(colours.tint); stroke: \(colours.warning); stroke-width: 1.5; }",
            ".text { fill: \(colours.text); }",
            ".muted { fill: \(colours.muted); }",
            ".any { fill: \(colours.any); }",
            ".here { fill: \(colours.here); }",
            ".warning { fill: \(colours.warning); }",
            ".edge-any { stroke: \(colours.any); }",
            ".edge-here { stroke: \(colours.here); }",
            ".edge-warning { stroke: \(colours.warning); }",
            ".ring { fill: none; stroke: \(colours.muted); stroke-width: 1.5; }",
            ".ring-any { fill: none; stroke: \(colours.any); stroke-width: 1.5; }",
            ".ring-here { fill: none; stroke: \(colours.here); stroke-width: 1.5; }",
            ".ring-warning { fill: none; stroke: \(colours.warning); stroke-width: 1.5; }",
        ]
        return rules.map { "\(indent)\($0)\n" }.joined()
    }
}
