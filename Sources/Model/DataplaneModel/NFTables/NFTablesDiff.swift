/// A change to one chain, with what it replaces.
package enum NFTChainChange: Sendable, Equatable {
    case create(NFTChain)
    /// The rules; the hook is the same.
    case replace(from: NFTChain, to: NFTChain)
    case delete(NFTChain)

    package var name: NFTChainName {
        switch self {
        case .create(let chain), .delete(let chain), .replace(_, let chain): chain.name
        }
    }
}

/// The changes of one family's table from one state to another.
package struct NFTablesDiff: Sendable, Equatable {
    package enum TableChange: String, Sendable {
        case create
        /// Restores the table's flags.
        case restore
        case delete
    }

    package var table: TableChange?
    /// Sorted by name.
    package var chains: [NFTChainChange]
    /// Sorted by name.
    package var sets: [NFTSetChange]
    /// The complete new state, if the table has to be replaced in one transaction because a set
    /// needs another shape or size, or a chain another hook. Everything else is empty then.
    package var rebuilt: NFTablesState?

    package init(
        table: TableChange? = nil,
        chains: [NFTChainChange] = [],
        sets: [NFTSetChange] = []
    ) {
        self.table = table
        self.chains = chains
        self.sets = sets
    }

    /// Replaces the whole table.
    package init(rebuilding state: NFTablesState) {
        self.init()
        rebuilt = state
    }

    package var isEmpty: Bool {
        table == nil && chains.isEmpty && sets.isEmpty && rebuilt == nil
    }

    /// Number of changed objects: table, chains, sets, elements.
    package var count: Int {
        if let rebuilt {
            return rebuilt.sets.values.reduce(1 + rebuilt.chains.count) {
                $0 + 1 + $1.elements.count
            }
        }
        return (table == nil ? 0 : 1) + chains.count + sets.reduce(0) { $0 + $1.count }
    }

    /// All differences between two states.
    package init(from old: NFTablesState, to new: NFTablesState) {
        self.init()
        switch (old.table, new.table) {
        case (.absent, .absent): return
        case (_, .absent): table = .delete
        case (.absent, _): table = .create
        case (.altered, .active): table = .restore
        default: break
        }
        var fits = true
        for name in Set(old.sets.keys).union(new.sets.keys).sorted() where fits {
            fits = note(old.sets[name], new.sets[name])
        }
        for name in Set(old.chains.keys).union(new.chains.keys).sorted() where fits {
            fits = note(old.chains[name], new.chains[name])
        }
        if !fits { self.init(rebuilding: new) }
    }

    /// Adds the change of a set. False if it needs another shape or size, and so a new table.
    mutating func note(_ old: NFTSet?, _ new: NFTSet?) -> Bool {
        switch (old, new) {
        case (nil, let new?): sets.append(.create(new))
        case (let old?, nil): sets.append(.delete(old))
        case (let old?, let new?):
            let update = NFTSetChange.Update(from: old, to: new)
            if !update.isEmpty { sets.append(.update(update)) }
            return old.isAlike(new) && old.hasRoom(for: update.newCount)
        case (nil, nil): break
        }
        return true
    }

    /// Adds the change of a chain. False if it needs another hook, and so a new table.
    mutating func note(_ old: NFTChain?, _ new: NFTChain?) -> Bool {
        switch (old, new) {
        case (nil, let new?): chains.append(.create(new))
        case (let old?, nil): chains.append(.delete(old))
        case (let old?, let new?):
            if old != new { chains.append(.replace(from: old, to: new)) }
            return old.hook == new.hook
        case (nil, nil): break
        }
        return true
    }
}
