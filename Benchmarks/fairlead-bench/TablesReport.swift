/// The figures of all sizes as tables, and the ratios against their goals.
struct TablesReport {
    var results: [(size: String, figures: Figures)]

    func print() {
        printSection("Planning, CPU ms (median; least)") {
            [
                row("everything", $0) { milliseconds($0, .planAll) },
                row("one changed Service", $0) { milliseconds($0, .planOne, decimals: 3) },
            ]
        }
        printSection("First full programming, CPU ms (median; least; wall)") {
            [
                row("Fairlead", $0) { milliseconds($0, .full, wall: true) },
                row("kernel alone, same tables", $0) { milliseconds($0, .fullFloor, wall: true) },
                row("iptables-restore, classic", $0) { milliseconds($0, .classicFull, wall: true) },
            ]
        }
        printSection("One endpoint less or more, CPU ms (median; least; wall)") {
            [
                row("Fairlead", $0) { milliseconds($0, .change, wall: true) },
                row("kernel alone, same table", $0) { milliseconds($0, .changeFloor, wall: true) },
                row("iptables-restore --noflush, classic", $0) {
                    milliseconds($0, .classicChange, wall: true)
                },
            ]
        }
        printSection("Memory, MiB") {
            [
                row("Fairlead, peak resident", $0) { $0.peakMiB.text(1) },
                row("nat in the kernel", $0) { (Double($0.natBytes) / 1_048_576).text(1) },
                row("filter in the kernel", $0) { (Double($0.filterBytes) / 1_048_576).text(1) },
            ]
        }
        printSection("CPU time as ratios of medians (goals are for 5000x10)") { all in
            Goal.all.map { goal in row(goal.title, all) { goal.verdict($0) } }
        }
    }

    private func printSection(_ title: String, _ rows: ([Figures]) -> [[String]]) {
        var table = TextTable([title] + results.map(\.size))
        table.rows += rows(results.map(\.figures))
        Swift.print("\n\(table.text)")
    }

    private func row(
        _ title: String,
        _ all: [Figures],
        _ cell: (Figures) -> String
    ) -> [String] {
        [title] + all.map(cell)
    }

    private func milliseconds(
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

/// How two kinds of work should compare.
struct Goal {
    var title: String
    var work: Figures.Work
    var other: Figures.Work
    /// At most this many times the other's CPU time.
    var limit: Double

    static let all = [
        Goal(title: "full / classic, goal 1/20", work: .full, other: .classicFull, limit: 1 / 20),
        Goal(title: "full / kernel, goal 3", work: .full, other: .fullFloor, limit: 3),
        Goal(
            title: "change / classic, goal 1/6",
            work: .change,
            other: .classicChange,
            limit: 1 / 6
        ),
        Goal(title: "change / kernel, goal 2", work: .change, other: .changeFloor, limit: 2),
    ]

    func verdict(_ figures: Figures) -> String {
        guard let ratio = figures.ratio(work, to: other) else { return "-" }
        let text = limit < 1 ? "1/" + (1 / ratio).text(1) : ratio.text(2)
        return "\(text) \(ratio <= limit ? "met" : "missed")"
    }
}
