import PrintableText

/// Tables with a row for each kind of figure and a column for each size.
struct ReportTables {
    var sizes: [String]

    func printSection(_ title: String, _ rows: [[String]]) {
        var table = TextTable([title] + sizes)
        table.rows += rows
        Swift.print("\n\(table.markdown)")
    }

    /// A row of what `cell` makes of each size's figures.
    static func row(
        _ title: String,
        _ all: [Figures],
        _ cell: (Figures) -> String
    ) -> [String] {
        [title] + all.map(cell)
    }

    static func number(
        _ figures: Figures,
        _ number: Figures.Number,
        per unit: Double = 1,
        decimals: Int = 1
    ) -> String {
        figures[number].map { ($0 / unit).text(decimals) } ?? "-"
    }

    /// CPU time in milliseconds: the median, the least, and with `wall` the elapsed time.
    static func milliseconds(
        _ figures: Figures,
        _ work: Figures.Work,
        decimals: Int = 1,
        wall: Bool = false
    ) -> String {
        guard let median = figures.median(work) else { return "-" }
        var parts = [(median.cpu * 1000).text(decimals)]
        if figures[work].count > 1 {
            parts.append((Cost.least(figures[work]).cpu * 1000).text(decimals))
        }
        if wall { parts.append((median.wall * 1000).text(decimals)) }
        return parts.joined(separator: "; ")
    }
}

/// How much of one time another should take at most.
struct Goal: Sendable {
    var title: String
    /// At most this many times the other.
    var limit: Double
    /// What it is; nil if it was not measured.
    var ratio: @Sendable (Figures) -> Double?

    func verdict(_ figures: Figures) -> String {
        guard let ratio = ratio(figures) else { return "-" }
        let text = ratio < 0.5 ? "1/" + (1 / ratio).text(1) : ratio.text(2)
        return "\(text) \(ratio <= limit ? "met" : "missed")"
    }
}
