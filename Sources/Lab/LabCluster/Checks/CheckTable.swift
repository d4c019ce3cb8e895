import Addressing
import NamespaceLab

/// What a check saw, as a table for people. A cell stands for all families and protocols.
package struct CheckTable: CustomStringConvertible {
    struct Row {
        var name: String
        /// Printed above the row.
        var heading: String?

        init(_ name: String, heading: String? = nil) {
            self.name = name
            self.heading = heading
        }
    }

    private let title: String
    private let columns: [String]
    private let rows: [Row]
    private let cells: [CheckedConnection.Cell: String]

    /// Terse: `yes` in place of who was seen.
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
        cells = Dictionary(grouping: connections, by: \.cell).mapValues { connections in
            guard connections.allSatisfy({ $0.complaint(in: shape) == nil }) else {
                return "✗ " + Self.text(connections, shape)
            }
            return isTerse ? "yes" : Self.text(connections, shape)
        }
    }

    /// `1,2 ← pod3, 1 ← node1`, by whom was seen.
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
        let first = (rows.map(\.name.count).max() ?? 0) + 2
        let widths = columns.enumerated().map { column, name in
            rows.indices.map { self.text($0, column).count }.reduce(name.count, max) + 2
        }
        func line(_ start: String, _ cells: [String]) -> String {
            let padded = zip(cells, widths).map { Self.pad($0, $1) }.joined()
            var line = "  " + Self.pad(start, first) + padded
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }
        var text = "\(title)\n" + line("", columns)
        for (number, row) in rows.enumerated() {
            if let heading = row.heading { text += " \(heading)\n" }
            text += line(row.name, columns.indices.map { self.text(number, $0) })
        }
        return text
    }

    private func text(_ row: Int, _ column: Int) -> String {
        cells[.init(row: row, column: column)] ?? ""
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
