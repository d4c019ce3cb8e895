import DataplaneModel

/// What the rules of filter refuse from now on, and no longer, as far as nat has translated it or now does.
struct RefusalChanges {
    /// The changes of a pair of trees by the same destinations.
    struct Pair {
        var nat: DispatchTree
        var filter: DispatchTree
        var natRules: [DispatchKey: Rule?]
        var filterRules: [DispatchKey: Rule?]
    }

    private var pairs: [Pair] = []

    /// Before the trees are changed.
    mutating func add(_ pair: Pair) { pairs.append(pair) }

    /// What neither was translated nor is leaves the order open. The rules of a tree do not tell it: they move from chain
    /// to chain as the tree grows and shrinks.
    var order: FilterOrder {
        guard pairs.contains(where: { !$0.lost.isEmpty }) else { return .first }
        guard pairs.contains(where: { !$0.gained.isEmpty }) else { return .last }
        guard pairs.contains(where: \.losesTranslated) else { return .first }
        return pairs.contains(where: \.gainsTranslated) ? .both : .last
    }
}

extension RefusalChanges.Pair {
    fileprivate var gained: [DispatchKey] {
        filterRules.compactMap { $0.value != nil && filter[$0.key] == nil ? $0.key : nil }
    }

    fileprivate var lost: [DispatchKey] {
        filterRules.compactMap { $0.value == nil && filter[$0.key] != nil ? $0.key : nil }
    }

    fileprivate var gainsTranslated: Bool {
        let translated = Set(natRules.keys.filter { nat[$0] != nil }.map(place))
        return gained.contains { translated.contains(place($0)) }
    }

    fileprivate var losesTranslated: Bool {
        let translated = Set(natRules.filter { $0.value != nil }.keys.map(place))
        return lost.contains { translated.contains(place($0)) }
    }

    /// The address, whose rule for the rest concerns each of its ports; where there is none, the port.
    private func place(_ key: DispatchKey) -> DispatchKey {
        var place = key
        if nat.levels.addressWidth > 0 { place.transport = 0 }
        return place
    }
}
