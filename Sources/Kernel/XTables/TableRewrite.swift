import Addressing
import CIPTables
import DataplaneModel
import Glibc
import HostFacts

/// Writes one diff into one table without libiptc: puts the new table together from the old one and from
/// the changed chains, and hands it to the kernel.
///
/// What other programs wrote is in the old table, and goes back as it was. The result is the one of
/// `TableEdit`, byte for byte, which does the same by way of libiptc.
struct TableRewrite {
    let diff: TableDiff
    private let family: IPFamily
    let codec: RuleCodec
    /// As it is in the kernel.
    let table: PackedTable
    /// What becomes of the table's chains, by their places; the others stay as they are.
    private(set) var edits: [Int: ChainEdit] = [:]
    /// Chains that the table lacks, sorted by name.
    private(set) var created: [Chain] = []
    private(set) var createdPlaces: [String: Int] = [:]

    /// What becomes of a chain that is there.
    enum ChainEdit {
        /// Rules at the beginning and the end that are right already stay.
        case fill(Chain, head: Int, tail: Int)
        /// The rules of a built-in chain.
        case reorder([Item])
        /// Without rules; for a chain to which foreign rules jump.
        case empty
        case remove
    }

    enum Item {
        /// A rule of the chain, by its number.
        case present(Int)
        case new(Rule)
    }

    init(_ diff: TableDiff, _ family: IPFamily, sets: SetIndexes, from table: PackedTable) {
        self.diff = diff
        self.family = family
        self.table = table
        codec = RuleCodec(family: family, sets: sets)
    }

    /// What was done, and the table as it is in the kernel now.
    struct Outcome {
        var report: ApplyReport
        var table: PackedTable
    }

    /// Nil if this must be done by libiptc, which also finds the words for a refusal; nothing was changed
    /// then. The two entries are storage to be reused.
    ///
    /// - Throws: `.conflict` if a program that ignores the lock changed the table meanwhile; `.invalid` for
    ///   a rule that has no form in the kernel.
    mutating func run(
        _ entry: inout RuleEntry,
        _ present: inout RuleEntry
    ) throws(DataplaneError) -> Outcome? {
        try planChains(&entry, &present)
        for change in diff.jumps {
            guard try plan(change, &entry, &present) else { return nil }
        }
        var report = ApplyReport()
        report.failures = planRemovals()
        report.operations = diff.count - report.failures.count
        guard let composed = try compose(&entry),
            let output = try TableOutput(composed.table, codec.layout)
        else { return nil }
        let socket = try XTablesSocket(family)
        do throws(DataplaneError) {
            let old = try output.replace(oldEntries: Int(table.fingerprint.entries), by: socket)
            try output.add(old, composed.stays, by: socket)
        } catch {
            guard error.kind == .conflict else { return nil }
            throw error
        }
        return Outcome(report: report, table: composed.table)
    }
}

// MARK: Deciding

extension TableRewrite {
    private mutating func planChains(
        _ entry: inout RuleEntry,
        _ present: inout RuleEntry
    ) throws(DataplaneError) {
        for change in diff.chains {
            let index = table.index(of: change.name.text)
            switch change {
            case .create(let chain), .replace(_, let chain):
                if let index {
                    edits[index] = try fill(chain, index, &entry, &present)
                } else {
                    created.append(chain)
                }
            case .delete:
                // One that is not there any more was deleted by another program.
                if let index { edits[index] = .remove }
            }
        }
        created.sort { $0.name < $1.name }
        createdPlaces.reserveCapacity(created.count)
        for (place, chain) in created.enumerated() { createdPlaces[chain.name.text] = place }
    }

    private func fill(
        _ chain: Chain,
        _ index: Int,
        _ entry: inout RuleEntry,
        _ present: inout RuleEntry
    ) throws(DataplaneError) -> ChainEdit {
        let old = table.chains[index].entries
        let (first, count) = (table.chains[index].firstRule, table.chains[index].ruleCount)
        let rules = chain.rules.span
        let shorter = min(count, rules.count)
        var head = 0
        while head < shorter {
            try encode(rules[head], number: head, in: chain.name.text, &entry)
            read(first + head, of: old, into: &present)
            guard entry == present else { break }
            head += 1
        }
        var tail = 0
        while tail < shorter - head {
            let number = rules.count - 1 - tail
            try encode(rules[number], number: number, in: chain.name.text, &entry)
            read(first + count - 1 - tail, of: old, into: &present)
            guard entry == present else { break }
            tail += 1
        }
        return .fill(chain, head: head, tail: tail)
    }

    /// False if the table lacks the built-in chain.
    private mutating func plan(
        _ change: JumpChange,
        _ entry: inout RuleEntry,
        _ present: inout RuleEntry
    ) throws(DataplaneError) -> Bool {
        let jump =
            switch change {
            case .insert(let jump), .delete(let jump): jump
            }
        guard let index = table.index(of: jump.from) else { return false }
        let old = table.chains[index].entries
        var items: [Item]
        if case .reorder(let earlier)? = edits[index] {
            items = earlier
        } else {
            items = (0..<table.chains[index].ruleCount).map { .present($0) }
        }
        if case .delete(let jump) = change, case .opaque(let bytes) = jump.rule.target {
            let found = items.firstIndex { item in
                guard case .present(let number) = item else { return false }
                // A built-in chain begins with its first rule.
                read(number, of: old, into: &present)
                return present.bytes == bytes
            }
            if let found { items.remove(at: found) }
        } else {
            try encode(jump.rule, number: 0, in: jump.from.rawValue, &entry)
            let found = items.firstIndex { item in
                switch item {
                case .present(let number):
                    read(number, of: old, into: &present)
                    return present == entry
                case .new(let rule): return rule == jump.rule
                }
            }
            switch change {
            case .insert: if found == nil { items.insert(.new(jump.rule), at: 0) }
            case .delete: if let found { items.remove(at: found) }
            }
        }
        edits[index] = .reorder(items)
        return true
    }

    /// Chains to which rules that stay jump are only emptied; returns the failures to remove them.
    private mutating func planRemovals() -> [DataplaneError] {
        let removed = edits.filter { if case .remove = $0.value { true } else { false } }.keys
        if removed.isEmpty { return [] }
        var used: Set<Int> = []
        func use(_ rule: Rule) {
            switch rule.target {
            case .jump(let name), .goto(let name):
                if let index = table.index(of: name.text) { used.insert(index) }
            default: break
            }
        }
        func use(_ link: EntryLink) {
            if case .chain(let id) = link { used.insert(Int(table.places[Int(id)])) }
        }
        for chain in created { for rule in chain.rules { use(rule) } }
        for index in table.chains.indices {
            switch edits[index] {
            case .remove?, .empty?: continue
            case .fill(let chain, _, _)?: for rule in chain.rules { use(rule) }
            case .reorder(let items)?:
                let old = table.chains[index].entries
                for item in items {
                    switch item {
                    case .present(let number): use(old.links[number])
                    case .new(let rule): use(rule)
                    }
                }
            case nil:
                table.chains[index].forEachJump { used.insert(Int(table.places[Int($0)])) }
            }
        }
        var failures: [DataplaneError] = []
        // The places are in the order of the names.
        for index in removed.sorted() where used.contains(index) {
            edits[index] = .empty
            failures.append(
                TableEdit.referenced(table.chains[index].name, diff.table, family)
            )
        }
        return failures
    }

    /// Copies an entry in normal form, so that it can be compared with an encoded one.
    private func read(_ index: Int, of entries: ChainEntries, into entry: inout RuleEntry) {
        entries.copy(index, into: &entry)
        let label =
            switch entries.links[index] {
            case .chain(let id): table.name(of: id)
            case .next: ""
            case .none: ImageEntry.verdictName(of: entry, codec.layout)
            }
        _ = codec.normalize(&entry, label: label)
    }

    func encode(
        _ rule: Rule,
        number: Int,
        in chain: String,
        _ entry: inout RuleEntry
    ) throws(DataplaneError) {
        try TableEdit.encode(rule, by: codec, number: number, in: chain, of: diff.table, &entry)
    }
}
