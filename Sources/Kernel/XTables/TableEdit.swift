import Addressing
import DataplaneModel
import Glibc
import HostFacts

/// Writes one diff into one table.
///
/// Makes before it breaks within the transaction too, though the kernel replaces the table as a whole:
/// libiptc neither deletes a chain to which rules jump nor accepts a jump to a missing chain.
struct TableEdit {
    private let diff: TableDiff
    private let family: IPFamily
    private let codec: RuleCodec
    private var report = ApplyReport()

    init(_ diff: TableDiff, _ family: IPFamily, sets: SetIndexes) {
        self.diff = diff
        self.family = family
        codec = RuleCodec(family: family, sets: sets)
    }

    /// Reads the table, edits it and writes it back. The two entries are storage to be reused.
    mutating func run(
        _ entry: inout RuleEntry,
        _ present: inout RuleEntry
    ) throws(DataplaneError) -> ApplyReport {
        let table = try IPTablesTable(diff.table, family)
        try createChains(in: table)
        try fillChains(in: table, &entry, &present)
        for change in diff.jumps { try apply(change, to: table, &entry, &present) }
        try deleteChains(from: table)
        report.operations = diff.count - report.failures.count
        do throws(DataplaneError) {
            try table.commit()
        } catch {
            throw RefusedCommit(diff: diff, family: family).explain(error)
        }
        return report
    }

    private func createChains(
        in table: borrowing IPTablesTable
    ) throws(DataplaneError) {
        // All chains before the first rule, in the order of their names: libiptc then appends to its
        // list and index, and finds each by bisection afterwards.
        for change in diff.chains {
            switch change {
            case .create(let chain), .replace(_, let chain):
                let label = ChainLabel(chain.name)
                if !table.hasChain(label) { try table.createChain(label) }
            case .delete: break
            }
        }
    }

    private func fillChains(
        in table: borrowing IPTablesTable,
        _ entry: inout RuleEntry,
        _ present: inout RuleEntry
    ) throws(DataplaneError) {
        for change in diff.chains {
            switch change {
            case .create(let chain), .replace(_, let chain):
                try fill(chain, in: table, &entry, &present)
            case .delete(let chain):
                // All are emptied before any is deleted, as their rules may jump to each other.
                let label = ChainLabel(chain.name)
                if table.hasChain(label) { try table.flush(label) }
            }
        }
    }

    /// Sets the rules of a chain. Equal rules at its beginning and end stay, and with them their
    /// counters; those in between are rewritten.
    private func fill(
        _ chain: Chain,
        in table: borrowing IPTablesTable,
        _ entry: inout RuleEntry,
        _ present: inout RuleEntry
    ) throws(DataplaneError) {
        let label = ChainLabel(chain.name)
        let old = table.rules(of: label)
        // A span lends its rules, where an array would copy each.
        let rules = chain.rules.span
        let shorter = min(old.count, rules.count)
        var head = 0
        while head < shorter {
            try encode(rules[head], number: head, in: label.name, &entry)
            table.read(old[head], into: &present)
            guard entry == present else { break }
            head += 1
        }
        var tail = 0
        while tail < shorter - head {
            let index = rules.count - 1 - tail
            try encode(rules[index], number: index, in: label.name, &entry)
            table.read(old[old.count - 1 - tail], into: &present)
            guard entry == present else { break }
            tail += 1
        }
        for _ in head..<(old.count - tail) { try table.deleteRule(at: head, of: label) }
        for index in head..<(rules.count - tail) {
            try encode(rules[index], number: index, in: label.name, &entry)
            if tail == 0 {
                try table.append(entry, to: label)
            } else {
                try table.insert(entry, into: label, at: index)
            }
        }
    }

    private func apply(
        _ change: JumpChange,
        to table: borrowing IPTablesTable,
        _ entry: inout RuleEntry,
        _ present: inout RuleEntry
    ) throws(DataplaneError) {
        switch change {
        case .insert(let jump):
            let label = ChainLabel(jump.from.rawValue)
            try encode(jump.rule, number: 0, in: label.name, &entry)
            if index(of: entry, in: label, table, &present) == nil {
                try table.insert(entry, into: label, at: 0)
            }
        case .delete(let jump):
            let label = ChainLabel(jump.from.rawValue)
            if case .opaque(let bytes) = jump.rule.target {
                let found = table.rules(of: label).firstIndex {
                    table.read($0, into: &present)
                    return present.bytes == bytes
                }
                if let found { try table.deleteRule(at: found, of: label) }
                return
            }
            try encode(jump.rule, number: 0, in: label.name, &entry)
            if let found = index(of: entry, in: label, table, &present) {
                try table.deleteRule(at: found, of: label)
            }
        }
    }

    private func index(
        of entry: borrowing RuleEntry,
        in label: ChainLabel,
        _ table: borrowing IPTablesTable,
        _ present: inout RuleEntry
    ) -> Int? {
        for (index, rule) in table.rules(of: label).enumerated() {
            table.read(rule, into: &present)
            if present == entry { return index }
        }
        return nil
    }

    private mutating func deleteChains(
        from table: borrowing IPTablesTable
    ) throws(DataplaneError) {
        for case .delete(let chain) in diff.chains {
            do throws(DataplaneError) {
                try table.deleteChain(ChainLabel(chain.name))
            } catch {
                // ENOENT: another program has deleted it already.
                if error.errno == ENOENT { continue }
                guard error.errno == EMLINK else { throw error }
                report.failures.append(Self.referenced(chain.name.text, diff.table, family))
            }
        }
    }

    private func encode(
        _ rule: Rule,
        number: Int,
        in chain: String,
        _ entry: inout RuleEntry
    ) throws(DataplaneError) {
        try Self.encode(rule, by: codec, number: number, in: chain, of: diff.table, &entry)
    }

    static func encode(
        _ rule: Rule,
        by codec: RuleCodec,
        number: Int,
        in chain: String,
        of table: TableName,
        _ entry: inout RuleEntry
    ) throws(DataplaneError) {
        do throws(UnencodableRule) {
            try codec.encode(rule, into: &entry)
        } catch {
            let text = IPTablesRenderer(family: codec.family).render(rule)
            throw .system(
                "encode rule \(number + 1)",
                "\(IPTablesTable.subject(table, codec.family))/\(chain)",
                EINVAL,
                kind: .invalid,
                message: "\(error.reason): \(text)"
            )
        }
    }

    /// A chain to delete stays, since rules of other programs lead to it.
    static func referenced(
        _ chain: String,
        _ table: TableName,
        _ family: IPFamily
    ) -> DataplaneError {
        .system(
            "delete chain",
            "\(IPTablesTable.subject(table, family))/\(chain)",
            EMLINK,
            kind: .other,
            message: "a foreign rule still leads to this chain, which stays, but empty"
        )
    }
}
