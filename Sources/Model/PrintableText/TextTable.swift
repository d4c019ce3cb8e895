/// Rows of cells in aligned columns.
package struct TextTable: Sendable {
    /// Rows may have fewer cells than others.
    package var rows: [[String]]
    /// The first of the columns with numbers, which are aligned to the right.
    private let firstNumber: Int

    package init(_ rows: [[String]] = [], numbersFrom firstNumber: Int = .max) {
        self.rows = rows
        self.firstNumber = firstNumber
    }

    /// The width of each column, in characters.
    package var widths: [Int] {
        rows.reduce(into: []) { widths, row in
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
    }

    /// The rows with every cell as wide as its column.
    package var paddedRows: [[String]] {
        let widths = widths
        return rows.map { row in
            zip(row, widths).enumerated().map { column, cell in
                let blanks = String(repeating: " ", count: cell.1 - cell.0.count)
                return column < firstNumber ? cell.0 + blanks : blanks + cell.0
            }
        }
    }

    /// A line for each row, with two spaces between columns and none at its end.
    package var lines: [String] {
        paddedRows.map { cells in
            var line = cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
