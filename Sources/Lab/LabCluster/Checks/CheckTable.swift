import Addressing
import NamespaceLab
import PrintableText

/// The outcomes of a check as a table. A cell stands for all families and protocols.
package struct CheckTable: CustomStringConvertible {
    struct Row {
        var name: String
        /// Printed above the row.
        var heading: String?
    }

    private let title: String
    private let columns: [String]
    private let rows: [Row]
    private let cells: [CheckedConnection.Cell: String]
    /// Those of cells, which are marked with their numbers.
    private let remarks: [SocketRemark]

    /// Terse: `yes` in place of the addresses seen.
    init(
        title: String,
        columns: [String],
        rows: [Row],
        connections: [CheckedConnection],
        shape: LabShape,
        isTerse: Bool = false
    ) {
        self.title = title
        self.columns = columns
        self.rows = rows
        let used = Set(connections.compactMap(\.remark))
        let remarks = SocketRemark.allCases.filter(used.contains)
        self.remarks = remarks
        cells = Dictionary(grouping: connections, by: \.cell).mapValues { connections in
            guard connections.allSatisfy({ $0.mismatch(in: shape) == nil }) else {
                return "✗ " + Self.text(connections, shape)
            }
            let mark = connections[0].remark.flatMap(remarks.firstIndex)
            return (isTerse ? "yes" : Self.text(connections, shape))
                + (mark.map { " [\($0 + 1)]" } ?? "")
        }
    }

    /// `1,2 ← pod3, 1 ← node1`, by the client that was seen.
    private static func text(_ connections: [CheckedConnection], _ shape: LabShape) -> String {
        var pods: [String: Set<Int>] = [:]
        var other: Set<String> = []
        for (pod, text) in connections.flatMap({ $0.seen(in: shape) }) {
            if let pod { pods[text, default: []].insert(pod) } else { other.insert(text) }
        }
        let answers = pods.sorted { ($0.value.count, $1.key) > ($1.value.count, $0.key) }.map {
            "\($0.value.sorted().map(String.init).joined(separator: ",")) ← \($0.key)"
        }
        return (answers + other.sorted()).joined(separator: ", ")
    }

    package var description: String {
        let table = TextTable(
            [["  "] + columns]
                + rows.enumerated().map { number, row in
                    ["  " + row.name] + columns.indices.map { text(number, $0) }
                }
        )
        var lines = [title]
        for (heading, line) in zip([nil] + rows.map(\.heading), table.lines) {
            if let heading { lines.append(" " + heading) }
            lines.append(line)
        }
        lines += remarks.enumerated().map { " [\($0 + 1)] \($1.rawValue)" }
        return lines.map { $0 + "\n" }.joined()
    }

    private func text(_ row: Int, _ column: Int) -> String {
        cells[.init(row: row, column: column)] ?? ""
    }
}
