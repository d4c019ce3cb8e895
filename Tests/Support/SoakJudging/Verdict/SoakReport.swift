import PrintableText

/// What a run has come to, and whether that is as it has to be.
package struct SoakReport {
    /// What a run shows besides its acts and connections.
    package struct Summary {
        package var mode = ""
        package var seed: UInt64 = 0
        package var minutes = 0.0
        package var changes = 0
        package var logLines = 0
        /// The statuses with which the daemon ended though nothing ended it.
        package var ends: [String] = []
        /// Entries of connection tracking that lead UDP to endpoints that are gone.
        package var staleFlows: [String] = []
        /// In which system calls the daemon was killed, and how often.
        package var kills: [String: Int] = [:]
        /// Nil after too few acts to tell.
        package var growth: Growth?

        package init() {}
    }

    private struct Row {
        var times: [Int] = []
        var outages: [Int] = []
        var limit = 0
    }

    /// How many times as long as elsewhere things may take.
    private let slowness: Int
    private var rows: [String: Row] = [:]
    /// By the name of a fault, alone or not.
    private var effects: [String: (done: Int, misses: [String])] = [:]
    private var slow: [String] = []
    private var unrepaired: [String] = []
    private var failed: [String] = []
    private var wrong: [String] = []
    private var late: [String] = []
    private var summary = Summary()
    private var connections: [[String]] = []

    package init(slowness: Int = 1) { self.slowness = slowness }

    // MARK: - Adding

    /// One act of these faults that was put right; times in microseconds. With several faults it may take twice as
    /// long as with the slowest of them.
    package mutating func add(_ faults: [any FaultTraits], repair: Int, outage: Int?) {
        let names = faults.map(\.name)
        let key = names.count > 1 ? "several at once" : names.first ?? "changes alone"
        let longest = (faults.map(\.limit).max() ?? 0) * (faults.count > 1 ? 2 : 1)
        let limit = Int(longest * 1_000_000) * slowness
        var row = rows[key] ?? Row()
        row.times.append(repair)
        row.limit = max(row.limit, limit)
        if let outage { row.outages.append(outage) }
        rows[key] = row
        if repair > limit {
            slow.append(
                "\(names.joined(separator: " + ")): \(repair / 1000) ms, of \(limit / 1000) at most"
            )
        }
    }

    /// Whether a fault had its effect; `miss` is why it had none.
    package mutating func note(_ fault: String, miss: String?) {
        if let miss {
            effects[fault, default: (0, [])].misses.append(miss)
        } else {
            effects[fault, default: (0, [])].done += 1
        }
    }

    package mutating func addUnrepaired(_ name: String, _ difference: String) {
        unrepaired.append("\(name):\n\(difference)")
    }

    package mutating func finish(_ summary: Summary, _ ledger: Ledger) {
        self.summary = summary
        (failed, wrong, late) = (ledger.failed, ledger.wrong, ledger.late)
        connections = [
            ["connections made", "\(ledger.made)"],
            ["of them long", "\(ledger.long)"],
            ["failed", "\(failed.count)"],
            ["wrong endpoint", "\(wrong.count)"],
            [
                "failed while the kernel lacked what answers",
                "\(ledger.excused.values.reduce(0, +))",
            ],
            ["answered after a repetition only", "\(late.count)"],
            ["answered by an endpoint that had left, up to ms", "\(ledger.stalest / 1000)"],
        ]
    }

    // MARK: - The verdict

    /// What was not as it has to be; nothing if the run is clean.
    package var faults: [String] {
        let lists = [
            "failed": failed, "wrong endpoint": wrong, "ended by itself": summary.ends,
            "not put right": unrepaired, "put right too late": slow,
            "UDP to endpoints that are gone": summary.staleFlows,
            "faults without any effect": ineffective,
        ]
        let growth = summary.growth?.faults ?? ["too few acts to tell whether it grows"]
        return lists.filter { !$0.value.isEmpty }.keys.sorted() + growth
    }

    /// Faults that never did what they are for.
    private var ineffective: [String] {
        effects.filter { $0.value.done == 0 }
            .map { "\($0.key): \($0.value.misses.last ?? "")" }.sorted()
    }

    // MARK: - As text

    package var text: String {
        var lines = actLines + [""] + summaryLines
        if !summary.kills.isEmpty {
            let calls = summary.kills.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            lines += ["", "killed at: " + calls.joined(separator: ", ")]
        }
        let misses = effects.flatMap { name, effect in effect.misses.map { "\(name): \($0)" } }
        for (title, list) in [
            ("failed", failed), ("wrong endpoint", wrong), ("ended by itself", summary.ends),
            ("not put right", unrepaired), ("put right too late", slow),
            ("UDP to endpoints that are gone", summary.staleFlows),
            ("faults without effect", misses.sorted()),
            ("answered after a repetition only", late),
        ] where !list.isEmpty {
            lines += ["", "\(title):"] + list.prefix(20).map { "  \($0)" }
        }
        return lines.joined(separator: "\n")
    }

    private var actLines: [String] {
        var table = TextTable(
            [
                [
                    "fault", "acts", "right after, ms: median", "worst", "limit",
                    "connections failed up to, ms",
                ]
            ],
            numbersFrom: 1
        )
        for (name, row) in rows.sorted(by: { $0.key < $1.key }) {
            let times = row.times.sorted()
            table.rows.append([
                name, "\(times.count)", "\(times[times.count / 2] / 1000)",
                "\(times[times.count - 1] / 1000)", "\(row.limit / 1000)",
                row.outages.max().map { "\($0 / 1000)" } ?? "",
            ])
        }
        return table.lines
    }

    private var summaryLines: [String] {
        func grown(_ value: (Growth) -> Int) -> String {
            summary.growth.map { "\(value($0)) in \($0.acts) acts" } ?? "too few acts"
        }
        let logRate = Int((Double(summary.logLines) / max(summary.minutes, 0.1)).rounded())
        let tenths = Int((summary.minutes * 10).rounded())
        let done = effects.values.reduce(0) { $0 + $1.done }
        let missed = effects.values.reduce(0) { $0 + $1.misses.count }
        let rows =
            [
                ["mode, seed", "\(summary.mode), \(summary.seed)"],
                ["minutes", "\(tenths / 10).\(tenths % 10)"],
                ["changes", "\(summary.changes)"],
                ["faults with their effect", "\(done) of \(done + missed)"],
            ] + connections + [
                ["ended by itself", "\(summary.ends.count)"],
                ["UDP to endpoints that are gone", "\(summary.staleFlows.count)"],
                ["memory grown, KiB", grown(\.kibibytes)],
                ["descriptors grown", grown(\.descriptors)],
                ["threads grown", grown(\.threads)],
                ["log lines a minute", "\(logRate)"],
            ]
        return TextTable(rows, numbersFrom: 1).lines
    }
}
