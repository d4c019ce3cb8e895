/// The costs of all sizes of the socket level as tables, and what they are to be held against.
struct SocketReport {
    var results: [(size: String, figures: Figures)]

    func print() {
        let tables = ReportTables(sizes: results.map(\.size))
        tables.printSection(
            "CPU ms (median; least; wall)",
            [
                row("planning everything", .planAll),
                row("first full programming", .full),
                row("- system time in it", .fullSystem, wall: false),
                row("one endpoint less or more", .change, decimals: 3),
                row("- planning it", .planOne, decimals: 3),
                row("a pass that reads everything and finds nothing to do", .fullAgain),
            ]
        )
        tables.printSection(
            "Memory, MiB",
            [
                number("peak resident, programming and changes", .peakMiB),
                number("peak resident, reading everything too", .peakReadingMiB),
            ]
        )
        Swift.print("")
        for (size, figures) in results {
            printGoal("\(size), one endpoint", figures.median(.change), 0.0001)
            printGoal("\(size), everything", figures.median(.full), 0.15)
        }
    }

    private func printGoal(_ title: String, _ cost: Cost?, _ limit: Double) {
        guard let cost else { return }
        let verdict = cost.cpu <= limit ? "met" : "missed"
        Swift.print(
            "\(title): \((cost.cpu * 1000).text(3)) ms CPU, goal \((limit * 1000).text(1)) ms: \(verdict)"
        )
    }

    private func row(
        _ title: String,
        _ work: Figures.Work,
        decimals: Int = 1,
        wall: Bool = true
    ) -> [String] {
        ReportTables.row(title, results.map(\.figures)) {
            ReportTables.milliseconds($0, work, decimals: decimals, wall: wall)
        }
    }

    private func number(_ title: String, _ number: Figures.Number) -> [String] {
        ReportTables.row(title, results.map(\.figures)) {
            ReportTables.number($0, number, decimals: 1)
        }
    }
}
