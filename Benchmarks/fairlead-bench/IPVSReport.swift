/// The figures of all sizes of ipvs mode as tables, and the ratios against their goals.
///
/// What was measured in User-mode Linux is shown as elapsed time, since its clock of CPU time has
/// steps of 10 ms. Nothing else runs there, so they are the same.
struct IPVSReport {
    struct Result {
        var size: String
        /// Measured on this host.
        var planning: Figures
        /// Measured in User-mode Linux.
        var figures: Figures
    }

    var results: [Result]

    func print() {
        let tables = ReportTables(sizes: results.map(\.size))
        tables.printSection("Planning on this host, CPU ms (median; least)", planning)
        tables.printSection("First full programming, ms (median; least)", fullProgramming)
        tables.printSection("One endpoint less or more, ms (median; least)", changes)
        tables.printSection("Binding ClusterIPs, ms (median; least)", binding)
        tables.printSection("Looking again, ms (median; least)", observing)
        tables.printSection("Netlink messages", messages)
        tables.printSection(
            "Memory, MiB",
            [row("Fairlead, peak resident") { ReportTables.number($0, .peakMiB) }]
        )
        tables.printSection(
            "Ratios of medians (goals are for 5000x10)",
            Self.goals.map { goal in row(goal.title) { goal.verdict($0) } }
        )
        printConstancy()
        printClocks()
    }

    // MARK: - Tables

    private var planning: [[String]] {
        let all = results.map(\.planning)
        return [
            ReportTables.row("everything", all) { ReportTables.milliseconds($0, .planAll) },
            ReportTables.row("one changed Service", all) {
                ReportTables.milliseconds($0, .planOne, decimals: 3)
            },
        ]
    }

    private var fullProgramming: [[String]] {
        [
            row("Fairlead", .full),
            row("- selecting and planning", .plan),
            row("- sets", .sets),
            row("- rules", .rules),
            row("- virtual and real servers", .servers),
            row("- addresses", .addresses),
            row("sets, one message a send", .setsSingly),
            row("servers, one message a send", .serversSingly),
            row("addresses, one message a send", .addressesSingly),
            row("sets, ipset restore", .setsByTool),
            row("servers, ipvsadm -R", .serversByTool),
        ]
    }

    private var changes: [[String]] {
        [
            row("Fairlead", .change, decimals: 3),
            row("ipvsadm -d, ipvsadm -a", .changeByTool, decimals: 3),
        ]
    }

    private var binding: [[String]] {
        [
            row("every address on the link", .addresses),
            row("one more address", .oneAddress, decimals: 2),
            row("a local route for every address", .routes),
            row("one local route for the range", .range, decimals: 2),
            row("full programming, every address", .full),
            row("full programming, one range", .fullWithRange),
        ]
    }

    private var observing: [[String]] {
        [row("reading everything", .observe), row("a pass that finds nothing to do", .fullAgain)]
    }

    private var messages: [[String]] {
        [
            row("full programming, messages", .fullMessages),
            row("full programming, sends", .fullSends),
            row("sets, servers, addresses, one message a send", .messagesSingly),
            row("one endpoint less or more", .changeMessages),
            row("reading everything", .observeMessages),
        ]
    }

    private func row(_ title: String, _ cell: (Figures) -> String) -> [String] {
        ReportTables.row(title, results.map(\.figures), cell)
    }

    private func row(_ title: String, _ number: Figures.Number) -> [String] {
        row(title) { ReportTables.number($0, number, decimals: 0) }
    }

    private func row(_ title: String, _ work: Figures.Work, decimals: Int = 1) -> [String] {
        row(title) { figures in
            guard let median = figures.elapsed(work) else { return "-" }
            let least = figures[work].map(\.wall).min() ?? median
            return [median, least].prefix(figures[work].count)
                .map { ($0 * 1000).text(decimals) }.joined(separator: "; ")
        }
    }

    // MARK: - Goals

    private static let goals = [
        Goal(title: "sets and servers / one message a send, goal 1/10", limit: 1 / 10) {
            quotient($0.elapsed(.sets, .servers), $0.elapsed(.setsSingly, .serversSingly))
        },
        Goal(title: "full with one range / sets and servers so, goal 1/10", limit: 1 / 10) {
            quotient($0.elapsed(.fullWithRange), $0.elapsed(.setsSingly, .serversSingly))
        },
        Goal(title: "full / sets, servers and addresses so, goal 1/10", limit: 1 / 10) {
            quotient(
                $0.elapsed(.full),
                $0.elapsed(.setsSingly, .serversSingly, .addressesSingly)
            )
        },
        Goal(title: "full / ipset restore and ipvsadm -R, goal 1", limit: 1) {
            quotient($0.elapsed(.full), $0.elapsed(.setsByTool, .serversByTool))
        },
        Goal(title: "change / an ipvsadm process, goal 1", limit: 1) {
            quotient($0.elapsed(.change), $0.elapsed(.changeByTool))
        },
    ]

    private static func quotient(_ one: Double?, _ other: Double?) -> Double? {
        guard let one, let other, other > 0 else { return nil }
        return one / other
    }

    /// One endpoint's change has to cost the same whatever else there is.
    private func printConstancy() {
        let counts = results.compactMap { $0.figures[.changeMessages] }
        let times = results.compactMap { $0.figures.elapsed(.change) }
        let areConstant = Set(counts).count == 1
        let fewest = counts.map { $0.text(0) }.joined(separator: ", ")
        Swift.print(
            "\nmessages for one endpoint: \(fewest); goal the same everywhere: \(areConstant ? "met" : "missed")"
        )
        if let slowest = times.max() {
            Swift.print(
                "time for one endpoint: at most \((slowest * 1000).text(2)) ms, goal 1 ms: \(slowest <= 0.001 ? "met" : "missed")"
            )
        }
    }

    /// That elapsed time is CPU time there.
    private func printClocks() {
        let all = results.flatMap(\.figures.allCosts)
        let (cpu, wall) = all.reduce((0.0, 0.0)) { ($0.0 + $1.cpu, $0.1 + $1.wall) }
        Swift.print("in User-mode Linux: \(cpu.text(1)) s CPU time in \(wall.text(1)) s elapsed")
    }
}
