import PrintableText

/// What a run has come to.
struct SoakReport {
    /// Acts of a process that count as its warm-up.
    private static let warmUp = 4
    /// With fewer acts after that, what goes up and down says nothing of growth.
    private static let fewestActs = 8
    /// A run of so many minutes has enough acts.
    private static let minutesForGrowth = 8.0
    /// More than what a heap keeps at random.
    private static let allowedKibibytes = 4096
    /// Connections to the API server come and go; something that is never closed is soon more.
    private static let allowedDescriptors = 3

    private struct Row {
        var times: [Int] = []
        var outages: [Int] = []
    }

    var unrepaired: [String] = []
    private var rows: [String: Row] = [:]
    private var ends: [String] = []
    private var failed: [String] = []
    private var wrong: [String] = []
    private var late: [String] = []
    private var summary: [[String]] = []
    /// Nil after too few acts to tell.
    private var growth: (kibibytes: Int, descriptors: Int, acts: Int)?
    private var kills: [String: Int] = [:]
    private var minutes = 0.0

    /// What was not as it has to be; nothing if the run is clean.
    var faults: [String] {
        let lists = [
            "failed": failed, "wrong endpoint": wrong, "ended by itself": ends,
            "not put right": unrepaired,
        ]
        var faults = lists.filter { !$0.value.isEmpty }.keys.sorted()
        if let growth {
            if growth.descriptors > Self.allowedDescriptors { faults.append("descriptors grown") }
            if growth.kibibytes > Self.allowedKibibytes { faults.append("memory grown") }
        } else if minutes >= Self.minutesForGrowth {
            faults.append("too few acts to tell whether it grows")
        }
        let hits = kills.filter { $0.key != "none" }.values.reduce(0, +)
        if hits == 0, kills["none", default: 0] >= 3 { faults.append("no kill at a call was one") }
        return faults
    }

    /// One act; times in microseconds.
    mutating func add(_ name: String, _ faults: Int, repair: Int, outage: Int?) {
        let key = faults > 1 ? "several at once" : name
        rows[key, default: Row()].times.append(repair)
        if let outage { rows[key, default: Row()].outages.append(outage) }
    }

    mutating func finish(
        _ node: SoakNode,
        _ ledger: Ledger,
        seed: UInt64,
        minutes: Double,
        samples: [[SoakDaemon.Sample]]
    ) {
        (failed, wrong, late) = (ledger.failed, ledger.wrong, ledger.late)
        kills = node.kills
        self.minutes = minutes
        ends = node.daemon.unexpectedEnds
        grow(samples)
        let lines = node.log.count { $0 == "\n" }
        summary =
            ([
                ["mode, seed", "\(node.mode.rawValue), \(seed)"],
                ["minutes", (minutes * 10).rounded() / 10],
                ["changes", node.cluster.changes],
                ["connections made", ledger.made],
                ["of them long", ledger.long],
                ["failed", failed.count],
                ["wrong endpoint", wrong.count],
                [
                    "failed while the kernel lacked what answers",
                    ledger.excused.values.reduce(0, +),
                ],
                ["answered after a repetition only", ledger.late.count],
                ["ended by itself", ends.count],
                [
                    "memory grown, KiB",
                    growth.map { "\($0.kibibytes) in \($0.acts) acts" } ?? "too few acts",
                ],
                ["descriptors grown", growth.map { "\($0.descriptors)" } ?? "too few acts"],
                ["log lines a minute", Int((Double(lines) / minutes).rounded())],
            ] as [[Any]]).map { $0.map { "\($0)" } }
    }

    /// From the end of the warm-up to the end of the process that lived longest.
    private mutating func grow(_ samples: [[SoakDaemon.Sample]]) {
        guard let life = samples.max(by: { $0.count < $1.count }) else { return }
        // Both go up and down with what is under way: the least of several on either side.
        let rest = life.dropFirst(Self.warmUp)
        guard rest.count >= Self.fewestActs else { return }
        func least(_ part: ArraySlice<SoakDaemon.Sample>, _ value: (SoakDaemon.Sample) -> Int)
            -> Int
        {
            part.map(value).min() ?? 0
        }
        let (before, after) = (rest.prefix(rest.count / 2), rest.suffix(rest.count / 2))
        growth = (
            least(after, \.kibibytes) - least(before, \.kibibytes),
            least(after, \.descriptors) - least(before, \.descriptors), rest.count
        )
    }

    var text: String {
        var table = TextTable(
            [
                [
                    "fault", "acts", "right after, ms: median", "worst",
                    "connections failed up to, ms",
                ]
            ],
            numbersFrom: 1
        )
        for (name, row) in rows.sorted(by: { $0.key < $1.key }) {
            let times = row.times.sorted()
            table.rows.append([
                name, "\(times.count)", "\(times[times.count / 2] / 1000)",
                "\(times[times.count - 1] / 1000)",
                row.outages.max().map { "\($0 / 1000)" } ?? "",
            ])
        }
        let all = TextTable(summary, numbersFrom: 1)
        var lines = table.paddedRows.map { $0.joined(separator: "  ") }
        lines += [""] + all.paddedRows.map { $0.joined(separator: "  ") }
        if !kills.isEmpty {
            let calls = kills.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            lines += ["", "killed at: " + calls.joined(separator: ", ")]
        }
        for (title, list) in [
            ("failed", failed), ("wrong endpoint", wrong), ("ended by itself", ends),
            ("not put right", unrepaired), ("answered after a repetition only", late),
        ] where !list.isEmpty {
            lines += ["", "\(title):"] + list.prefix(20).map { "  \($0)" }
        }
        return lines.joined(separator: "\n")
    }
}
