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

        """ + theme(\.light, indent: "    ") + "    @media (prefers-color-scheme: dark) {\n"
        + theme(\.dark, indent: "      ") + "    }\n"

    private struct Colour {
        var light: String
        var dark: String
    }

    private static let page = Colour(light: "#f3f5f8", dark: "#0f141a")
    private static let card = Colour(light: "#ffffff", dark: "#18202a")
    private static let line = Colour(light: "#cfd6df", dark: "#37424f")
    private static let text = Colour(light: "#18202b", dark: "#e9eef5")
    private static let muted = Colour(light: "#586575", dark: "#9eabbb")
    private static let any = Colour(light: "#0067a3", dark: "#6fbcf0")
    private static let here = Colour(light: "#00795a", dark: "#4fd6ad")
    private static let warning = Colour(light: "#b34700", dark: "#ffa261")
    private static let tint = Colour(light: "#f7f9fb", dark: "#1e2833")

    private static func theme(_ shade: (Colour) -> String, indent: String) -> String {
        let rules = [
            ".page { fill: \(shade(page)); }",
            ".card { fill: \(shade(card)); stroke: \(shade(line)); }",
            ".box { fill: \(shade(tint)); stroke: \(shade(line)); }",
            ".box-any { fill: \(shade(tint)); stroke: \(shade(any)); stroke-width: 1.5; }",
            ".box-here { fill: \(shade(tint)); stroke: \(shade(here)); stroke-width: 1.5; }",
            ".box-warning { fill: \(shade(tint)); stroke: \(shade(warning)); stroke-width: 1.5; }",
            ".text { fill: \(shade(text)); }",
            ".muted { fill: \(shade(muted)); }",
            ".any { fill: \(shade(any)); }",
            ".here { fill: \(shade(here)); }",
            ".warning { fill: \(shade(warning)); }",
            ".edge-any { stroke: \(shade(any)); }",
            ".edge-here { stroke: \(shade(here)); }",
            ".edge-warning { stroke: \(shade(warning)); }",
            ".ring { fill: none; stroke: \(shade(muted)); stroke-width: 1.5; }",
            ".ring-any { fill: none; stroke: \(shade(any)); stroke-width: 1.5; }",
            ".ring-here { fill: none; stroke: \(shade(here)); stroke-width: 1.5; }",
            ".ring-warning { fill: none; stroke: \(shade(warning)); stroke-width: 1.5; }",
        ]
        return rules.map { "\(indent)\($0)\n" }.joined()
    }
}
