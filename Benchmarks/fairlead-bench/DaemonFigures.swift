import PrintableText

/// What is measured of a daemon at one size, and its way through a pipe.
struct DaemonFigures {
    /// Seconds, MiB (1024 KiB), bytes or a number.
    enum Name: String, CaseIterable {
        /// Until the first, the last and a middle Service answer.
        case startWall, startCPU
        /// Right after that.
        case firstChange
        case changeMedian, changeP99, changeWorst, changeCPU, changeBytes
        case burstWall, burstCPU
        case restCPU
        case steadyMiB, peakMiB, afterMiB
        /// Until a change is in force that came while there was no daemon.
        case restartWall, restartCPU, restartOperations
    }

    private var values: [Name: Double] = [:]

    init() {}

    subscript(name: Name) -> Double? {
        get { values[name] }
        set { values[name] = newValue }
    }

    /// A line for each figure.
    var text: String {
        values.map { "\($0.key.rawValue) \($0.value)" }.sorted().joined(separator: "\n")
    }

    /// Reads `text` back; all of it has to be there.
    init(_ text: String) throws {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2, let name = Name(rawValue: String(words[0])),
                let value = Double(words[1])
            else { throw BenchFailure("not a figure: \(line)") }
            values[name] = value
        }
        guard let missing = Name.allCases.first(where: { values[$0] == nil }) else { return }
        throw BenchFailure("no figure for \(missing.rawValue)")
    }
}

/// The table of one size: a row for each figure, a column for each mode.
struct DaemonReport {
    var size: String
    var rest: Int
    var figures: [(mode: DaemonMode, figures: DaemonFigures)]

    /// What a row shows of a mode's figures, and its goal at 5000x10 in that mode.
    private struct Row {
        var title: String
        var names: [DaemonFigures.Name]
        var scale = 1.0
        var decimals = 2
        var goals: [DaemonMode: [Double]] = [:]
    }

    private var rows: [Row] {
        let everywhere = { (goals: [Double]) in [DaemonMode.iptables: goals, .nftables: goals] }
        return [
            Row(
                title: "start until all Services answer, s (CPU s)",
                names: [.startWall, .startCPU],
                goals: everywhere([0.6, 0.5])
            ),
            Row(title: "first change after it, ms", names: [.firstChange], scale: 1e3, decimals: 1),
            Row(
                title: "one endpoint change, median / p99 / worst, ms",
                names: [.changeMedian, .changeP99, .changeWorst],
                scale: 1e3,
                decimals: 1,
                goals: [.nftables: [2, 4, 15], .iptables: [140]]
            ),
            Row(title: "CPU of one change, ms", names: [.changeCPU], scale: 1e3),
            Row(title: "written to disk for one change, KB", names: [.changeBytes], scale: 1e-3),
            Row(
                title: "burst of \(BenchCluster.burst) changes, ms (CPU ms)",
                names: [.burstWall, .burstCPU],
                scale: 1e3,
                decimals: 0
            ),
            Row(title: "CPU in \(rest) s of rest, s", names: [.restCPU], decimals: 3),
            Row(
                title: "memory steady / peak after start / at the end, MiB",
                names: [.steadyMiB, .peakMiB, .afterMiB],
                decimals: 0,
                goals: everywhere([60, 100])
            ),
            Row(
                title: "restart until a missed change is in force, s (CPU s)",
                names: [.restartWall, .restartCPU],
                goals: everywhere([0.5, 0.45])
            ),
            Row(
                title: "operations of its first pass",
                names: [.restartOperations],
                decimals: 0
            ),
        ]
    }

    var text: String {
        var table = TextTable(["the whole daemon, \(size)"] + figures.map(\.mode.rawValue))
        for row in rows {
            table.rows.append(
                [row.title]
                    + figures.map { mode, figures in
                        let values = row.names.compactMap { figures[$0] }.map { $0 * row.scale }
                        let text = values.map { $0.text(row.decimals) }.joined(separator: " / ")
                        guard size == "5000x10", let goals = row.goals[mode] else { return text }
                        let isMet = zip(values, goals).allSatisfy { $0 <= $1 }
                        return "\(text) \(isMet ? "met" : "missed")"
                    }
            )
        }
        return table.markdown
    }
}
