package import DataplaneModel

extension NFTablesState {
    /// As the other one, after setting elements with their values, or with nil removing them.
    package mutating func edit(
        chains: [NFTChainName: NFTChain?] = [:],
        sets: [NFTSetName: NFTSet?] = [:],
        elements: [NFTSetName: [NFTValue: NFTData?]]
    ) -> NFTablesDiff {
        var updates: [NFTSetChange.Update] = []
        for (name, wanted) in elements {
            guard var edit = self.sets[name]?.beginEdit(isNoting: true) else { continue }
            for (key, data) in wanted { edit.set(key, data) }
            if let update = self.sets[name]?.finish(edit) { updates.append(update) }
        }
        return edit(chains: chains, sets: sets, updates: updates)
    }
}
