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
            guard let change = replaceSet(name, wanted, &isAlike) else { continue }
            diff.sets.append(change)
        }
        for update in updates where !update.isEmpty {
            if !makeRoom(for: update) { isAlike = false }
            diff.sets.append(.update(update))
        }
        for (name, wanted) in wantedChains {
            guard let change = replaceChain(name, wanted, &isAlike) else { continue }
            diff.chains.append(change)
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

    private mutating func replaceSet(
        _ name: NFTSetName,
        _ wanted: NFTSet?,
        _ isAlike: inout Bool
    ) -> NFTSetChange? {
        let present = sets[name]
        sets[name] = wanted
        switch (present, wanted) {
        case (nil, let new?): return .create(new)
        case (let old?, nil): return .delete(old)
        case (let old?, let new?):
            let update = NFTSetChange.Update(from: old, to: new)
            if !old.isAlike(new) || !old.hasRoom(for: update.newCount) { isAlike = false }
            return update.isEmpty ? nil : .update(update)
        case (nil, nil): return nil
        }
    }

    /// False if a set got a larger size for a change already made.
    private mutating func makeRoom(for update: NFTSetChange.Update) -> Bool {
        guard let set = sets[update.name], let size = set.size else { return true }
        let before = set.elements.count - update.added.count + update.removed.count
        guard before + update.newCount > size else { return true }
        sets[update.name]?.size = max(size, NFTSet.size(for: set.elements.count))
        return false
    }

    private mutating func replaceChain(
        _ name: NFTChainName,
        _ wanted: NFTChain?,
        _ isAlike: inout Bool
    ) -> NFTChainChange? {
        let present = chains[name]
        chains[name] = wanted
        switch (present, wanted) {
        case (nil, let new?): return .create(new)
        case (let old?, nil): return .delete(old)
        case (let old?, let new?):
            if old.hook != new.hook { isAlike = false }
            return old == new ? nil : .replace(from: old, to: new)
        case (nil, nil): return nil
        }
    }
}
