/// Fairlead's nftables table of one family: desired (a plan) or observed.
package struct NFTablesState: Sendable, Equatable {
    package enum Table: Sendable, Equatable {
        case absent
        case active
        /// Exists, but its chains are not called (`flags dormant`), or it has other unexpected
        /// flags.
        case altered
    }

    package var table: Table
    package var chains: [NFTChainName: NFTChain]
    package var sets: [NFTSetName: NFTSet]

    /// The table exists if anything is in it, unless `table` says otherwise.
    package init(
        table: Table? = nil,
        chains: [NFTChainName: NFTChain] = [:],
        sets: [NFTSetName: NFTSet] = [:]
    ) {
        self.table = table ?? (chains.isEmpty && sets.isEmpty ? .absent : .active)
        self.chains = chains
        self.sets = sets
    }

    package init(table: Table? = nil, chains: [NFTChain], sets: [NFTSet]) {
        self.init(
            table: table,
            chains: Dictionary(uniqueKeysWithValues: chains.map { ($0.name, $0) }),
            sets: Dictionary(uniqueKeysWithValues: sets.map { ($0.name, $0) })
        )
    }

    /// Base chains in the order in which packets meet them, then the others by name.
    package var sortedChains: [NFTChain] {
        chains.values.sorted { left, right in
            switch (left.hook, right.hook) {
            case (let one?, let other?) where one != other: one < other
            case (nil, _?): false
            case (_?, nil): true
            default: left.name < right.name
            }
        }
    }

    package var sortedSets: [NFTSet] { sets.values.sorted { $0.name < $1.name } }
}

extension NFTHook: Comparable {
    package static func < (left: NFTHook, right: NFTHook) -> Bool {
        (left.place.rank, left.priority, left.kind.rawValue)
            < (right.place.rank, right.priority, right.kind.rawValue)
    }
}

extension NFTHook.Place {
    fileprivate var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
