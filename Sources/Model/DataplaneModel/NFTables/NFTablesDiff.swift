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
    package enum TableChange: Sendable, Equatable {
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
        guard let sets = NFTSetChange.changes(from: old.sets, to: new.sets),
            let chains = Self.changes(from: old.chains, to: new.chains)
        else {
            self.init(rebuilding: new)
            return
        }
        self.sets = sets
        self.chains = chains
    }

    /// Nil if a chain needs another hook.
    private static func changes(
        from old: [NFTChainName: NFTChain],
        to new: [NFTChainName: NFTChain]
    ) -> [NFTChainChange]? {
        var changes: [NFTChainChange] = []
        for name in Set(old.keys).union(new.keys).sorted() {
            switch (old[name], new[name]) {
            case (nil, let wanted?): changes.append(.create(wanted))
            case (let present?, nil): changes.append(.delete(present))
            case (let present?, let wanted?):
                guard present.hook == wanted.hook else { return nil }
                if present.rules != wanted.rules {
                    changes.append(.replace(from: present, to: wanted))
                }
            case (nil, nil): break
            }
        }
        return changes
    }
}
