import Addressing
import CIPTables
import DataplaneModel
import Glibc
import HostFacts

/// Writes one diff into one table without libiptc: reads the kernel's bytes, puts the new ones together
/// from them and from the changed chains, and hands them back.
///
/// Nothing is kept between two runs, so what other programs wrote is in the bytes that were read, and
/// goes back as it was. The result is the one of `TableEdit`, byte for byte, which does the same by way
/// of libiptc.
struct TableRewrite {
    let diff: TableDiff
    private let family: IPFamily
    let codec: RuleCodec
    /// What becomes of the image's chains, by their places; the others stay as they are.
    private(set) var edits: [Int: ChainEdit] = [:]
    /// Chains that the image lacks, sorted by name.
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
        case present(Int, entry: Int)
        case new(Rule)
    }

    init(_ diff: TableDiff, _ family: IPFamily, sets: SetIndexes) {
        self.diff = diff
        self.family = family
        codec = RuleCodec(family: family, sets: sets)
    }

    /// What the table was and is, and what was done.
    struct Outcome {
        var report: ApplyReport
        var fingerprint: TableFingerprint
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
        guard let image = try TableImage.read(diff.table, family) else { return nil }
        try planChains(image, &entry, &present)
        for change in diff.jumps {
            guard try plan(change, image, &entry, &present) else { return nil }
        }
        var report = ApplyReport()
        report.failures = planRemovals(image)
        report.operations = diff.count - report.failures.count
        // Rules of Fairlead have about 200 bytes.
        var output = try TableOutput(codec, capacity: image.size + 256 * newRuleCount)
        guard try compose(image, &output, &entry) else { return nil }
        let made = output.fingerprint
        let fingerprint = TableFingerprint(
            hooks: image.info.hooks,
            size: made.size,
            entries: made.entries,
            hookEntries: made.hookEntries,
            underflows: made.underflows
        )
        let oldEntries = Int(image.info.entries)
        let hooks = image.info.hooks
        _ = consume image
        let socket = try XTablesSocket(family)
        do throws(DataplaneError) {
            let old = try output.replace(
                diff.table,
                hooks: hooks,
                oldEntries: oldEntries,
                by: socket
            )
            try output.add(old, to: diff.table, by: socket)
        } catch {
            guard error.kind == .conflict else { return nil }
            throw error
        }
        return Outcome(report: report, fingerprint: fingerprint)
    }

    private var newRuleCount: Int {
        created.reduce(0) { $0 + $1.rules.count + 2 }
            + edits.values.reduce(0) {
                switch $1 {
                case .fill(let chain, let head, let tail): $0 + chain.rules.count - head - tail
                case .reorder(let items): $0 + items.count
                case .empty, .remove: $0
                }
            }
    }
}

// MARK: Deciding

extension TableRewrite {
    private mutating func planChains(
        _ image: borrowing TableImage,
        _ entry: inout RuleEntry,
        _ present: inout RuleEntry
    ) throws(DataplaneError) {
        for change in diff.chains {
            let index = image.index(of: change.name.text)
            switch change {
            case .create(let chain), .replace(_, let chain):
                if let index {
                    edits[index] = try fill(chain, image, index, &entry, &present)
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
        _ image: borrowing TableImage,
        _ index: Int,
        _ entry: inout RuleEntry,
        _ present: inout RuleEntry
    ) throws(DataplaneError) -> ChainEdit {
        let old = image.rules(of: image.chains[index])
        let rules = chain.rules.span
        let shorter = min(old.count, rules.count)
        var head = 0
        while head < shorter {
            try encode(rules[head], number: head, in: chain.name.text, &entry)
            image.read(old[head], into: &present)
            guard entry == present else { break }
            head += 1
        }
        var tail = 0
        while tail < shorter - head {
            let number = rules.count - 1 - tail
            try encode(rules[number], number: number, in: chain.name.text, &entry)
            image.read(old[old.count - 1 - tail], into: &present)
            guard entry == present else { break }
            tail += 1
        }
        return .fill(chain, head: head, tail: tail)
    }

    /// False if the table lacks the built-in chain.
    private mutating func plan(
        _ change: JumpChange,
        _ image: borrowing TableImage,
        _ entry: inout RuleEntry,
        _ present: inout RuleEntry
    ) throws(DataplaneError) -> Bool {
        let jump =
            switch change {
            case .insert(let jump), .delete(let jump): jump
            }
        guard let index = image.index(of: jump.from) else { return false }
        var items: [Item]
        if case .reorder(let earlier)? = edits[index] {
            items = earlier
        } else {
            let chain = image.chains[index]
            items = image.rules(of: chain).enumerated().map {
                .present($1, entry: chain.firstRule + $0)
            }
        }
        if case .delete(let jump) = change, case .opaque(let bytes) = jump.rule.target {
            let found = items.firstIndex { item in
                guard case .present(let place, _) = item else { return false }
                image.read(place, into: &present)
                return present.bytes == bytes
            }
            if let found { items.remove(at: found) }
        } else {
            try encode(jump.rule, number: 0, in: jump.from.rawValue, &entry)
            let found = items.firstIndex { item in
                switch item {
                case .present(let place, _):
                    image.read(place, into: &present)
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
    private mutating func planRemovals(_ image: borrowing TableImage) -> [DataplaneError] {
        let removed = edits.filter { if case .remove = $0.value { true } else { false } }.keys
        if removed.isEmpty { return [] }
        var used: Set<Int> = []
        func use(_ rule: Rule) {
            switch rule.target {
            case .jump(let name), .goto(let name):
                if let index = image.index(of: name.text) { used.insert(index) }
            default: break
            }
        }
        for chain in created { for rule in chain.rules { use(rule) } }
        for index in image.chains.indices {
            switch edits[index] {
            case .remove?, .empty?: continue
            case .fill(let chain, _, _)?: for rule in chain.rules { use(rule) }
            case .reorder(let items)?:
                for item in items {
                    switch item {
                    case .present(let place, _):
                        if let index = image.jumpTarget(ofRuleAt: place) { used.insert(index) }
                    case .new(let rule): use(rule)
                    }
                }
            case nil:
                let chain = image.chains[index]
                var jump = image.firstJump(from: chain.body)
                while jump < image.jumps.count, image.jumps[jump].place < chain.foot {
                    used.insert(Int(image.jumps[jump].chain))
                    jump += 1
                }
            }
        }
        var failures: [DataplaneError] = []
        for index in removed.sorted(by: { image.chains[$0].name < image.chains[$1].name })
        where used.contains(index) {
            edits[index] = .empty
            failures.append(
                TableEdit.referenced(image.chains[index].name, diff.table, family)
            )
        }
        return failures
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
