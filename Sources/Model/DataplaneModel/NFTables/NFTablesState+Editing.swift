extension NFTablesState {
    /// Sets chains and sets, or removes them with nil, and returns the changes, together with
    /// changes of elements already made in sets that still exist. The cost depends on the
    /// arguments, unless a set has to grow.
    package mutating func edit(
        chains wantedChains: [NFTChainName: NFTChain?] = [:],
        sets wantedSets: [NFTSetName: NFTSet?] = [:],
        updates: [NFTSetChange.Update] = []
    ) -> NFTablesDiff {
        var diff = NFTablesDiff()
        var isAlike = true
        for (name, wanted) in wantedSets {
            if !diff.note(sets[name], wanted) { isAlike = false }
            sets[name] = wanted
        }
        for update in updates where !update.isEmpty {
            if !makeRoom(for: update) { isAlike = false }
            diff.sets.append(.update(update))
        }
        for (name, wanted) in wantedChains {
            if !diff.note(chains[name], wanted) { isAlike = false }
            chains[name] = wanted
        }
        if table == .absent, !diff.isEmpty {
            table = .active
            diff.table = .create
        }
        guard isAlike else { return NFTablesDiff(rebuilding: self) }
        diff.sets.sort { $0.name < $1.name }
        diff.chains.sort { $0.name < $1.name }
        return diff
    }

    /// False if a set got a larger size for a change already made.
    private mutating func makeRoom(for update: NFTSetChange.Update) -> Bool {
        guard let set = sets[update.name], let size = set.size else { return true }
        let before = set.elements.count - update.added.count + update.removed.count
        guard before + update.newCount > size else { return true }
        sets[update.name]?.size = max(size, NFTSet.size(for: set.elements.count))
        return false
    }
}
