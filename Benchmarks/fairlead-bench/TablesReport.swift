/// The figures of all sizes of iptables mode as tables, and the ratios against their goals.
struct TablesReport {
    var results: [(size: String, figures: Figures)]

    func print() {
        let tables = ReportTables(sizes: results.map(\.size))
        let all = results.map(\.figures)
        tables.printSection(
            "Planning, CPU ms (median; least)",
            [
                row("everything", all, .planAll, wall: false),
                row("one changed Service", all, .planOne, decimals: 3, wall: false),
            ]
        )
        tables.printSection(
            "First full programming, CPU ms (median; least; wall)",
            [
                row("Fairlead", all, .full),
                row("kernel alone, same tables", all, .fullFloor),
                row("iptables-restore, classic", all, .classicFull),
            ]
        )
        tables.printSection(
            "One endpoint less or more, CPU ms (median; least; wall)",
            [
                row("Fairlead", all, .change),
                row("kernel alone, same table", all, .changeFloor),
                row("iptables-restore --noflush, classic", all, .classicChange),
            ]
        )
        tables.printSection(
            "Memory, MiB",
            [
                row("Fairlead, peak resident", all, .peakMiB, per: 1),
                row("nat in the kernel", all, .natBytes, per: 1_048_576),
                row("filter in the kernel", all, .filterBytes, per: 1_048_576),
            ]
        )
        tables.printSection(
            "CPU time as ratios of medians (goals are for 5000x10)",
            Self.goals.map { goal in [goal.title] + all.map { goal.verdict($0) } }
        )
    }

    private func row(
        _ title: String,
        _ all: [Figures],
        _ work: Figures.Work,
        decimals: Int = 1,
        wall: Bool = true
    ) -> [String] {
        ReportTables.row(title, all) {
            ReportTables.milliseconds($0, work, decimals: decimals, wall: wall)
        }
    }

    private func row(
        _ title: String,
        _ all: [Figures],
        _ number: Figures.Number,
        per unit: Double
    ) -> [String] {
        ReportTables.row(title, all) { ReportTables.number($0, number, per: unit) }
    }

    private static let goals = [
        Goal(title: "full / classic, goal 1/20", limit: 1 / 20) {
            $0.ratio(.full, to: .classicFull)
        },
        Goal(title: "full / kernel, goal 3", limit: 3) { $0.ratio(.full, to: .fullFloor) },
        Goal(title: "change / classic, goal 1/6", limit: 1 / 6) {
            $0.ratio(.change, to: .classicChange)
        },
        Goal(title: "change / kernel, goal 2", limit: 2) { $0.ratio(.change, to: .changeFloor) },
    ]
}
