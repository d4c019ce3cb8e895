/// A change to one chain, with what it replaces.
package enum ChainChange: Sendable, Equatable {
    case create(Chain)
    case replace(from: Chain, to: Chain)
    case delete(Chain)

    package var name: ChainName {
        switch self {
        case .create(let chain), .delete(let chain), .replace(_, let chain): chain.name
        }
    }
}

extension ChainChange {
    /// Nil if both are equal, or neither is there.
    init?(from old: Chain?, to new: Chain?) {
        switch (old, new) {
        case (nil, let new?): self = .create(new)
        case (let old?, nil): self = .delete(old)
        case (let old?, let new?) where old != new: self = .replace(from: old, to: new)
        default: return nil
        }
    }
}

/// A change to one jump.
package enum JumpChange: Sendable, Equatable {
    /// Inserted at the head of its built-in chain.
    case insert(Jump)
    case delete(Jump)
}

extension OwnedTable {
    /// Sets chains, or removes them with nil, and returns the actual changes, sorted by name.
    package mutating func replaceChains(_ wanted: [ChainName: Chain?]) -> [ChainChange] {
        var changes: [ChainChange] = []
        changes.reserveCapacity(wanted.count)
        chains.reserveCapacity(chains.count + wanted.count)
        for (name, new) in wanted {
            if let change = ChainChange(from: chains[name], to: new) { changes.append(change) }
            // Even if the rules are equal, the title may differ.
            chains[name] = new
        }
        changes.sort { $0.name < $1.name }
        return changes
    }
}

/// The changes of one table from one state to another, applied as one transaction.
package struct TableDiff: Sendable, Equatable {
    package var table: TableName
    /// Sorted by chain name.
    package var chains: [ChainChange]
    /// Deletions first; insertions in reverse, because each goes to the head.
    package var jumps: [JumpChange]

    package init(table: TableName, chains: [ChainChange] = [], jumps: [JumpChange] = []) {
        self.table = table
        self.chains = chains
        self.jumps = jumps
    }

    package var isEmpty: Bool { chains.isEmpty && jumps.isEmpty }
    /// Number of changed objects.
    package var count: Int { chains.count + jumps.count }
}

/// The changes of one family's state to another, a part for each table.
package struct IPTablesDiff: Sendable {
    /// At most one for each table, sorted by table.
    package var tables: [TableDiff]
    /// When filter is written; nil leaves that to its rules.
    package var filterOrder: FilterOrder?

    package init(tables: [TableDiff], filterOrder: FilterOrder? = nil) {
        self.tables = tables.filter { !$0.isEmpty }
        self.filterOrder = filterOrder
    }

    package var isEmpty: Bool { tables.isEmpty }
    /// Number of changed objects.
    package var count: Int { tables.reduce(0) { $0 + $1.count } }

    /// All differences between two states.
    package init(from old: IPTablesState, to new: IPTablesState) {
        self.init(
            tables: TableName.allCases.map {
                TableDiff(table: $0, from: old[$0], to: new[$0])
            }
        )
    }
}

extension IPTablesDiff: Equatable {
    /// They change the same, in whatever order.
    package static func == (left: IPTablesDiff, right: IPTablesDiff) -> Bool {
        left.tables == right.tables
    }
}

extension TableDiff {
    /// All differences between two tables.
    package init(table: TableName, from old: OwnedTable, to new: OwnedTable) {
        var names = Set(old.chains.keys)
        names.formUnion(new.chains.keys)
        self.init(table: table, from: old, to: new, chains: names)
    }

    /// The differences in `names` and in the jumps; the other chains are known to be equal.
    package init(
        table: TableName,
        from old: OwnedTable,
        to new: OwnedTable,
        chains names: Set<ChainName>
    ) {
        let changes = names.compactMap { ChainChange(from: old.chains[$0], to: new.chains[$0]) }
            .sorted { $0.name < $1.name }
        self.init(table: table, chains: changes, jumps: Self.jumpChanges(old.jumps, new.jumps))
    }

    /// The changes from one list of jumps to the other. A wanted jump may be at any position in its
    /// chain; a second copy of it and unwanted jumps are deleted.
    package static func jumpChanges(_ old: [Jump], _ new: [Jump]) -> [JumpChange] {
        if old == new { return [] }
        var missing = new
        var changes: [JumpChange] = []
        for jump in old {
            if let index = missing.firstIndex(of: jump) {
                missing.remove(at: index)
            } else {
                changes.append(.delete(jump))
            }
        }
        return changes + missing.reversed().map { .insert($0) }
    }
}
