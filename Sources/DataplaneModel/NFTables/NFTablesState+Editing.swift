extension NFTablesState {
    /// Sets chains, sets and elements, or with nil removes them, and returns what that changes;
    /// elements are those of sets that are there afterwards. Work grows with what is given, unless
    /// a set has to grow.
    package mutating func edit(
        chains wantedChains: [NFTChainName: NFTChain?] = [:],
        sets wantedSets: [NFTSetName: NFTSet?] = [:],
        elements wantedElements: [NFTSetName: [NFTValue: NFTData?]] = [:]
    ) -> NFTablesDiff {
        var diff = NFTablesDiff()
        var isAlike = true
        for (name, wanted) in wantedSets {
            guard let change = replaceSet(name, wanted, &isAlike) else { continue }
            diff.sets.append(change)
        }
        for (name, wanted) in wantedElements {
            guard let update = replaceElements(of: name, wanted, &isAlike) else { continue }
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

    private mutating func replaceElements(
        of name: NFTSetName,
        _ wanted: [NFTValue: NFTData?],
        _ isAlike: inout Bool
    ) -> NFTSetChange.Update? {
        let before = sets[name]?.elements.count ?? 0
        guard let update = sets[name]?.replaceElements(wanted), !update.isEmpty else { return nil }
        if let set = sets[name], let size = set.size, before + update.newCount > size {
            sets[name]?.size = max(size, NFTSet.size(for: set.elements.count))
            isAlike = false
        }
        return update
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
