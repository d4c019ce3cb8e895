/// The figures of all sizes of nftables mode as tables, and what they are to be held against.
struct NFTablesReport {
    var results: [(size: String, figures: Figures)]

    func print() {
        let tables = ReportTables(sizes: results.map(\.size))
        tables.printSection(
            "Planning, CPU ms (median; least)",
            [
                row("everything", .planAll, wall: false),
                row("one changed Service", .planOne, decimals: 3, wall: false),
            ]
        )
        tables.printSection(
            "First full programming, CPU ms (median; least; wall)",
            [
                row("Fairlead", .full),
                row("- system time in it", .fullSystem, wall: false),
                row("nft, a chain per Service", .classicFull),
            ]
        )
        tables.printSection(
            "One endpoint less or more, CPU ms (median; least; wall)",
            [
                row("Fairlead", .change, decimals: 3),
                row("reading its notifications", .listen, decimals: 3),
                row("nft, a chain per Service", .classicChange),
            ]
        )
        tables.printSection(
            "Looking again, CPU ms (median; least; wall)",
            [
                row("reading everything", .observe),
                row("a pass that finds nothing to do", .fullAgain),
            ]
        )
        tables.printSection(
            "Netlink messages",
            [
                row("full programming", .fullMessages),
                row("one endpoint less or more, at most", .changeMessages),
                row("elements changed by that, at most", .changeElements),
            ]
        )
        tables.printSection(
            "Memory, MiB",
            [
                row("peak resident, programming and changes", .peakMiB, decimals: 1),
                row("peak resident, reading everything too", .peakReadingMiB, decimals: 1),
            ]
        )
        tables.printSection(
            "CPU time as ratios of medians (the goal is for 5000x10)",
            Self.goals.map { goal in cells(goal.title) { goal.verdict($0) } }
        )
        printConstancy()
    }

    private func row(
        _ title: String,
        _ work: Figures.Work,
        decimals: Int = 1,
        wall: Bool = true
    ) -> [String] {
        cells(title) { ReportTables.milliseconds($0, work, decimals: decimals, wall: wall) }
    }

    private func row(_ title: String, _ number: Figures.Number, decimals: Int = 0) -> [String] {
        cells(title) { ReportTables.number($0, number, decimals: decimals) }
    }

    private func cells(_ title: String, _ cell: (Figures) -> String) -> [String] {
        ReportTables.row(title, results.map(\.figures), cell)
    }

    // MARK: - Goals

    private static let goals = [
        Goal(title: "full / a chain per Service, goal 1/10", limit: 1 / 10) {
            $0.ratio(.full, to: .classicFull)
        },
        Goal(title: "change / a chain per Service", limit: 1) {
            $0.ratio(.change, to: .classicChange)
        },
    ]

    /// One endpoint's change has to cost the same whatever else there is.
    private func printConstancy() {
        let counts = results.compactMap { $0.figures[.changeMessages] }
        let isConstant = Set(counts).count == 1
        let list = counts.map { $0.text(0) }.joined(separator: ", ")
        Swift.print(
            "\nmessages for one endpoint: \(list); goal the same everywhere: \(isConstant ? "met" : "missed")"
        )
        let times = results.compactMap { $0.figures.median(.change)?.cpu }
        guard let slowest = times.max(), let fastest = times.min(), fastest > 0 else { return }
        Swift.print(
            "CPU time for one endpoint: at most \((slowest * 1000).text(3)) ms, goal 1 ms: \(slowest <= 0.001 ? "met" : "missed")"
        )
        let spread = slowest / fastest
        Swift.print(
            "largest / smallest of these \(spread.text(2)), goal flat, within 2: \(spread <= 2 ? "met" : "missed")"
        )
    }
}
