/// What several programs have written, one after the other and again and again.
package struct WriterTally: Sendable {
    private struct Row {
        var name: String
        var written = 0
        /// How often the lock of iptables, which another program had, kept it from writing.
        var lockedOut = 0
        var error: String?

        var isDone: Bool { written > 0 || lockedOut > 0 }

        var text: String {
            "\(name) \(written)" + (lockedOut > 0 ? " (locked out: \(lockedOut))" : "")
        }
    }

    private var rows: [Row]

    package init(_ names: [String]) { rows = names.map { Row(name: $0) } }

    /// Takes in `NAME` if it has written, and `NAME ERROR` if it has not.
    package mutating func add(_ line: String) {
        let words = line.split(separator: " ", maxSplits: 1)
        guard let index = rows.firstIndex(where: { $0.name == words.first.map(String.init) })
        else { return }
        if words.count == 1 {
            rows[index].written += 1
        } else if words[1].contains("xtables lock") {
            rows[index].lockedOut += 1
        } else {
            rows[index].error = String(words[1])
        }
    }

    /// Each has written, or has met the lock.
    package var isComplete: Bool { rows.allSatisfy(\.isDone) }

    /// Which have not, and why; nil if all have.
    package var miss: String? {
        let idle = rows.filter { !$0.isDone }
            .map { "\($0.name) has written nothing" + ($0.error.map { " (\($0))" } ?? "") }
        return idle.isEmpty ? nil : idle.joined(separator: ", ")
    }

    /// How often each has written.
    package var text: String { rows.map(\.text).joined(separator: ", ") }
}
