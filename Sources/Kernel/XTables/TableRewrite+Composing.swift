import CIPTables
import DataplaneModel
import HostFacts

extension TableRewrite {
    /// A table that is to be written.
    struct Composed {
        var table: PackedTable
        /// The entries that are in the present table, too, and so keep their counters.
        var stays = EntryRuns()
    }

    /// Puts the table together. Nil if a rule jumps to a chain that is neither there nor made.
    func compose(_ entry: inout RuleEntry) throws(DataplaneError) -> Composed? {
        let ids = table.freeIDs(created.count)
        var chains: [PackedChain] = []
        chains.reserveCapacity(table.chains.count + created.count)
        var runs = EntryRuns()
        var next = 0
        for index in table.chains.indices {
            let isBuiltin = table.chains[index].hook != nil
            while !isBuiltin, next < created.count,
                created[next].name.text < table.chains[index].name
            {
                guard let chain = try pack(new: next, ids, &entry) else { return nil }
                chains.append(chain)
                runs.skip(Int(chain.entryCount))
                next += 1
            }
            guard let edit = edits[index] else {
                chains.append(table.chains[index])
                runs.keep(table.chains[index].firstEntry, Int(table.chains[index].entryCount))
                continue
            }
            if case .remove = edit { continue }
            guard let chain = try pack(index, edit, ids, &runs, &entry) else { return nil }
            chains.append(chain)
        }
        while next < created.count {
            guard let chain = try pack(new: next, ids, &entry) else { return nil }
            chains.append(chain)
            runs.skip(Int(chain.entryCount))
            next += 1
        }
        runs.keep(table.end.firstEntry, Int(table.end.entryCount))
        // Given away, as the table numbers them in place: as many as the table has would be copied for each change.
        var composed = PackedTable(
            table.table,
            table.fingerprint,
            chains: consume chains,
            end: table.end
        )
        guard composed.settle() else { return nil }
        return Composed(table: composed, stays: runs)
    }

    /// An edited chain that is there.
    private func pack(
        _ index: Int,
        _ edit: ChainEdit,
        _ ids: [Int32],
        _ runs: inout EntryRuns,
        _ entry: inout RuleEntry
    ) throws(DataplaneError) -> PackedChain? {
        let chain = table.chains[index]
        let old = chain.entries
        var packer = PackedChain.Packer(
            PackedChain(name: chain.name, hook: chain.hook, id: chain.id),
            codec.layout
        )
        /// Entries that stay.
        func keep(_ range: Range<Int>) -> Bool {
            runs.keep(chain.firstEntry + Int32(range.lowerBound), range.count)
            return range.allSatisfy { old.append($0, to: &packer) }
        }
        guard keep(0..<chain.firstRule) else { return nil }
        packer.beginBody()
        switch edit {
        case .empty, .remove: break
        case .reorder(let items):
            for item in items {
                switch item {
                case .present(let number):
                    guard keep(number..<(number + 1)) else { return nil }
                case .new(let rule):
                    guard try append(rule, 0, chain.name, ids, to: &packer, &entry) else {
                        return nil
                    }
                    runs.skip(1)
                }
            }
        case .fill(let wanted, let head, let tail):
            guard keep(chain.firstRule..<(chain.firstRule + head)) else { return nil }
            let new = head..<(wanted.rules.count - tail)
            guard try append(new, of: wanted, ids, to: &packer, &entry) else { return nil }
            runs.skip(new.count)
            let end = chain.firstRule + chain.ruleCount
            guard keep((end - tail)..<end) else { return nil }
        }
        packer.beginFoot()
        guard keep((Int(chain.entryCount) - 1)..<Int(chain.entryCount)) else { return nil }
        return packer.finish()
    }

    /// A chain that is not there yet.
    private func pack(
        new index: Int,
        _ ids: [Int32],
        _ entry: inout RuleEntry
    ) throws(DataplaneError) -> PackedChain? {
        let chain = created[index]
        var packer = PackedChain.Packer(
            PackedChain(name: chain.name.text, hook: nil, id: ids[index]),
            codec.layout
        )
        entry.becomeHead(chain.name.text, codec.layout)
        guard packer.append(unsafe entry.bytes.span.bytes, .none) else { return nil }
        packer.beginBody()
        guard try append(chain.rules.indices, of: chain, ids, to: &packer, &entry) else {
            return nil
        }
        packer.beginFoot()
        entry.becomeReturn(codec.layout)
        guard packer.append(unsafe entry.bytes.span.bytes, .none) else { return nil }
        return packer.finish()
    }

    private func append(
        _ range: Range<Int>,
        of chain: Chain,
        _ ids: [Int32],
        to packer: inout PackedChain.Packer,
        _ entry: inout RuleEntry
    ) throws(DataplaneError) -> Bool {
        // A span lends its rules, where an array would copy each.
        let rules = chain.rules.span
        for number in range {
            guard try append(rules[number], number, chain.name.text, ids, to: &packer, &entry)
            else { return false }
        }
        return true
    }

    /// False if the rule jumps to a chain that is neither there nor made.
    private func append(
        _ rule: Rule,
        _ number: Int,
        _ chain: String,
        _ ids: [Int32],
        to packer: inout PackedChain.Packer,
        _ entry: inout RuleEntry
    ) throws(DataplaneError) -> Bool {
        try encode(rule, number: number, in: chain, &entry)
        var verdict: Int32 = 0
        var link = EntryLink.none
        switch rule.target {
        case .accept: verdict = ImageEntry.accept
        case .drop: verdict = ImageEntry.drop
        case .returnToCaller: verdict = ImageEntry.returns
        case .jump(let name), .goto(let name):
            if let new = createdPlaces[name.text] {
                link = .chain(ids[new])
            } else if let old = table.index(of: name.text) {
                link = .chain(table.chains[old].id)
            } else {
                return false
            }
        default: break
        }
        if entry.hasVerdict { entry.setVerdict(verdict, codec.layout) }
        return packer.append(unsafe entry.bytes.span.bytes, link)
    }
}

/// Entries that are in the table before a change and after it, in the order of the new table.
struct EntryRuns {
    struct Run {
        var old: Int
        var new: Int
        var count: Int
    }

    private(set) var runs: [Run] = []
    private var next = 0

    /// What follows in the new table are entries of the old one, from `first` on.
    mutating func keep(_ first: Int32, _ count: Int) {
        defer { next += count }
        if count == 0 { return }
        if let last = runs.last, last.old + last.count == first, last.new + last.count == next {
            runs[runs.count - 1].count += count
        } else {
            runs.append(Run(old: Int(first), new: next, count: count))
        }
    }

    /// What follows in the new table are entries that the old one lacks.
    mutating func skip(_ count: Int) { next += count }
}

extension RuleEntry {
    /// Puts a verdict in the place of its name, as the kernel has it.
    mutating func setVerdict(_ verdict: Int32, _ layout: EntryLayout) {
        let target = Int(uint16(at: layout.targetOffset))
        // The kernel knows verdicts by an empty name.
        zero((target + Int(xt_entry_match_name))..<(target + Int(xt_entry_match_revision)))
        store(UInt32(bitPattern: verdict), at: target + Int(xt_standard_target_verdict))
    }

    /// The entry that bears a chain's name.
    mutating func becomeHead(_ name: String, _ layout: EntryLayout) {
        reset(to: layout.size)
        store(UInt16(layout.size), at: layout.targetOffset)
        let size = Int(xt_error_target_size) - Int(xt_entry_match_size)
        let data = appendExtension("ERROR", size: size)
        store(name, at: data)
        store(UInt16(count), at: layout.nextOffset)
    }

    /// The entry at the end of a chain.
    mutating func becomeReturn(_ layout: EntryLayout) {
        reset(to: layout.size)
        store(UInt16(layout.size), at: layout.targetOffset)
        let size = Int(xt_standard_target_size) - Int(xt_entry_match_size)
        let data = appendExtension("", size: size)
        store(UInt32(bitPattern: ImageEntry.returns), at: data)
        store(UInt16(count), at: layout.nextOffset)
    }
}
