import PrintableText

/// What one size gave: a table with a column for each daemon and mode, and one of ratios.
struct DaemonReport {
    /// Whose figures they are.
    enum Subject: Hashable {
        case fairlead(DaemonMode)
        case peer(DaemonMode)

        fileprivate static let all: [Subject] =
            DaemonMode.allCases.flatMap { [.fairlead($0), .peer($0)] }

        fileprivate var title: String {
            switch self {
            case .fairlead(let mode): mode.rawValue
            case .peer(let mode): "kube-proxy \(mode.rawValue)"
            }
        }
    }

    var size: String
    var steps: DaemonSteps
    var figures: [Subject: DaemonFigures] = [:]

    init(size: String, steps: DaemonSteps) {
        (self.size, self.steps) = (size, steps)
    }

    var text: String {
        [table, ratios].compactMap(\.self).joined(separator: "\n\n")
    }

    // MARK: - Figures

    private struct Row {
        var title: String
        var names: [DaemonFigures.Name]
        var scale = 1.0
        var decimals = 2
    }

    private var rows: [Row] {
        [
            Row(
                title: "start until all Services answer, s (CPU s)",
                names: [.startWall, .startCPU]
            ),
            Row(title: "first change after it, ms", names: [.firstChange], scale: 1e3, decimals: 1),
            Row(
                title: "lone change, median / worst of \(steps.lone), ms",
                names: [.loneMedian, .loneWorst],
                scale: 1e3,
                decimals: 1
            ),
            Row(title: "- CPU of one, ms", names: [.loneCPU], scale: 1e3),
            Row(title: "- operations of one", names: [.loneOperations], decimals: 1),
            Row(
                title:
                    "\(steps.changes) changes at \(steps.rate) a second, median / p99 / worst, ms",
                names: [.changeMedian, .changeP99, .changeWorst],
                scale: 1e3,
                decimals: 1
            ),
            Row(title: "- CPU of one, ms", names: [.changeCPU], scale: 1e3),
            Row(title: "- operations of one", names: [.changeOperations], decimals: 1),
            Row(
                title: "burst of \(BenchCluster.largestBurst) changes, ms (CPU ms)",
                names: [.burstWall, .burstCPU],
                scale: 1e3,
                decimals: 0
            ),
            Row(title: "CPU in \(steps.rest) s of rest, s", names: [.restCPU], decimals: 3),
            Row(
                title: "written to disk for one change of all, KB",
                names: [.changeBytes],
                scale: 1e-3
            ),
            Row(
                title: "flushed until all answer, median / worst of \(DaemonSteps.flushes), s",
                names: [.flushMedian, .flushWorst]
            ),
            Row(title: "- CPU of one, s", names: [.flushCPU]),
            Row(
                title: "restart until a missed change is in force, s (CPU s)",
                names: [.restartWall, .restartCPU]
            ),
            Row(title: "- operations of its first pass", names: [.restartOperations], decimals: 0),
            Row(title: "- the same, nothing missed", names: [.idleRestartOperations], decimals: 0),
            Row(
                title: "memory steady / most, MiB",
                names: [.steadyMiB, .peakMiB],
                decimals: 0
            ),
            Row(
                title: "- most at the start / after the rest, MiB",
                names: [.startPeakMiB, .afterMiB],
                decimals: 0
            ),
        ]
    }

    private var table: String {
        let subjects = Subject.all.filter { figures[$0] != nil }
        var table = TextTable(["the whole daemon, \(size)"] + subjects.map(\.title))
        for row in rows {
            table.rows.append([row.title] + subjects.map { cell(row, $0) })
        }
        return table.markdown
    }

    private func cell(_ row: Row, _ subject: Subject) -> String {
        let values = row.names.compactMap { figures[subject]?[$0] }
        guard values.count == row.names.count else { return "-" }
        let text = values.map { ($0 * row.scale).text(row.decimals) }.joined(separator: " / ")
        guard case .fairlead(let mode) = subject else { return text }
        let goals = row.names.map { DaemonGoals.goal($0, mode, size) }
        guard goals.contains(where: { $0 != nil }) else { return text }
        let isMet = zip(values, goals).allSatisfy { value, goal in goal.map { value <= $0 } ?? true
        }
        return "\(text) \(isMet ? "met" : "missed")"
    }

    // MARK: - Ratios

    private static let compared: [(title: String, name: DaemonFigures.Name)] = [
        ("start", .startWall), ("start, CPU", .startCPU), ("lone change, median", .loneMedian),
        ("lone change, worst", .loneWorst), ("lone change, CPU", .loneCPU),
        ("steady changes, median", .changeMedian), ("steady changes, p99", .changeP99),
        ("steady changes, CPU", .changeCPU), ("burst", .burstWall), ("burst, CPU", .burstCPU),
        ("restart", .restartWall), ("restart, CPU", .restartCPU), ("memory steady", .steadyMiB),
        ("memory, most", .peakMiB),
    ]

    /// Nil without a peer.
    private var ratios: String? {
        let modes = DaemonMode.allCases.filter {
            figures[.fairlead($0)] != nil && figures[.peer($0)] != nil
        }
        if modes.isEmpty { return nil }
        var table = TextTable(["Fairlead / kube-proxy, \(size)"] + modes.map(\.rawValue))
        for (title, name) in Self.compared {
            let cells = modes.map { mode in
                guard let one = figures[.fairlead(mode)]?[name], one > 0,
                    let other = figures[.peer(mode)]?[name], other > 0
                else { return "-" }
                let text = one < other ? "1/" + (other / one).text(1) : (one / other).text(2)
                guard let goal = DaemonGoals.ratio(name, mode, size) else { return text }
                return "\(text) \(one / other <= goal ? "met" : "missed")"
            }
            table.rows.append([title] + cells)
        }
        return table.markdown
    }

    // MARK: - Limits

    /// What Fairlead did more often, or wrote more of, than it may at any size.
    var excesses: [String] {
        Subject.all.flatMap { subject -> [String] in
            guard case .fairlead(let mode) = subject, let figures = figures[subject] else {
                return []
            }
            return DaemonGoals.limits(mode).compactMap { name, limit in
                guard let value = figures[name], value > limit else { return nil }
                let text = "\(value.text(1)), at most \(limit.text(1))"
                return "\(size), \(mode.rawValue): \(name.rawValue) is \(text)"
            }
        }
    }
}
