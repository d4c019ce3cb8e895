package import Addressing
package import DataplaneModel

/// One thing that a transaction does.
package enum NFTStep: Equatable {
    case makeTable
    case deleteTable
    case makeSet(NFTSet)
    case makeChain(NFTChain)
    /// Replaces the chain's rules.
    case fill(NFTChain)
    case remove(NFTElementRun, NFTSetName, NFTSetShape)
    case add(NFTElementRun, NFTSetName, NFTSetShape)
    /// Deletes the chain's rules.
    case flush(NFTChainName)
    case deleteChain(NFTChainName)
    case deleteSet(NFTSetName)
}

extension NFTTransaction {
    package init(_ family: IPFamily, _ table: String, _ steps: [NFTStep]) {
        self.init(family, table, reserving: steps.reduce(4096) { $0 + 64 * $1.elements.count })
        for step in steps { append(step) }
    }

    private mutating func append(_ step: NFTStep) {
        switch step {
        case .makeTable: makeTable()
        case .deleteTable: deleteTable()
        case .makeSet(let set): make(set)
        case .makeChain(let chain): make(chain)
        case .fill(let chain):
            flush(chain.name)
            for rule in chain.rules { append(rule, to: chain.name) }
        case .remove(let elements, let set, let shape): remove(elements, from: set, shape)
        case .add(let elements, let set, let shape): add(elements, to: set, shape)
        case .flush(let chain): flush(chain)
        case .deleteChain(let chain): delete(chain)
        case .deleteSet(let set): delete(set)
        }
    }
}

extension NFTablesDiff {
    /// The transactions that make the change, in order, each with a weight of at most `limit` where
    /// that does no harm.
    ///
    /// A small change is one transaction. A large one is split, so that other programs that write
    /// nftables do not wait for long: objects that no packet reaches yet are made in advance, and those
    /// that none reaches any more are removed afterwards. What changes the way of packets in between
    /// stays one transaction.
    func transactions(limit: Int) -> [[NFTStep]] {
        if let rebuilt {
            let anew = NFTablesDiff(from: NFTablesState(), to: rebuilt)
            // Only an existing table can be deleted.
            return [[.makeTable, .deleteTable] + NFTStages(anew).inOne]
        }
        if table == .delete { return [[.deleteTable]] }
        let stages = NFTStages(self)
        let weight = stages.inOne.reduce(0) { $0 + $1.weight }
        let all = weight <= limit ? [stages.inOne] : stages.inPieces(limit)
        return all.filter { !$0.isEmpty }
    }
}

/// The steps of a change, by when they can be done.
private struct NFTStages {
    /// New tables, sets and chains.
    private var creations: [NFTStep] = []
    private var newRules: [NFTStep] = []
    /// New elements of sets that packets reach only through other elements.
    private var indirectAdditions: [NFTStep] = []
    private var changedRules: [NFTStep] = []
    private var removals: [NFTStep] = []
    private var additions: [NFTStep] = []
    /// Old elements of sets that packets reach only through other elements.
    private var indirectRemovals: [NFTStep] = []
    private var deletions: [NFTStep] = []

    init(_ diff: NFTablesDiff) {
        if diff.table != nil { creations.append(.makeTable) }
        for change in diff.sets { add(change) }
        var flushes: [NFTStep] = []
        var chainDeletions: [NFTStep] = []
        for change in diff.chains {
            switch change {
            case .create(let chain):
                creations.append(.makeChain(chain))
                if !chain.rules.isEmpty { newRules.append(.fill(chain)) }
            case .replace(_, let chain): changedRules.append(.fill(chain))
            case .delete(let chain):
                flushes.append(.flush(chain.name))
                chainDeletions.append(.deleteChain(chain.name))
            }
        }
        // Deleted chains may jump to each other, and use deleted sets.
        deletions = flushes + chainDeletions + deletions
    }

    private mutating func add(_ change: NFTSetChange) {
        switch change {
        case .create(let set):
            creations.append(.makeSet(set))
            if set.elements.isEmpty { return }
            let step = NFTStep.add(NFTElementRun(of: set), set.name, set.shape)
            if set.isDispatchMap { additions.append(step) } else { indirectAdditions.append(step) }
        case .delete(let set): deletions.append(.deleteSet(set.name))
        case .update(let update): add(update)
        }
    }

    private mutating func add(_ update: NFTSetChange.Update) {
        func step(_ elements: [NFTElement], isAddition: Bool) -> [NFTStep] {
            if elements.isEmpty { return [] }
            return isAddition
                ? [.add(NFTElementRun(elements), update.name, update.shape)]
                : [.remove(NFTElementRun(elements), update.name, update.shape)]
        }
        removals += step(update.replaced.map { NFTElement($0.key, $0.old) }, isAddition: false)
        additions += step(update.replaced.map { NFTElement($0.key, $0.new) }, isAddition: true)
        // A range can only be added when the ranges that it overlaps are gone.
        if update.isDispatchMap || update.shape.isInterval {
            removals += step(update.removed, isAddition: false)
            additions += step(update.added, isAddition: true)
        } else {
            indirectRemovals += step(update.removed, isAddition: false)
            indirectAdditions += step(update.added, isAddition: true)
        }
    }

    /// Rules come before elements, as binding a rule to a map visits all its elements.
    var inOne: [NFTStep] {
        creations + newRules + changedRules + removals + indirectRemovals + indirectAdditions
            + additions + deletions
    }

    func inPieces(_ limit: Int) -> [[NFTStep]] {
        let onlyAdds = changedRules.isEmpty && removals.isEmpty
        return Self.pieces(creations + newRules, limit) + Self.pieces(indirectAdditions, limit)
            + (onlyAdds ? Self.pieces(additions, limit) : [changedRules + removals + additions])
            + Self.pieces(indirectRemovals, limit) + [deletions]
    }

    /// Splits steps into pieces, each with a weight of at most `limit` unless one step alone has more.
    private static func pieces(_ steps: [NFTStep], _ limit: Int) -> [[NFTStep]] {
        var pieces: [[NFTStep]] = []
        var room = 0
        for step in steps {
            var rest: NFTStep? = step
            while let step = rest {
                if room == 0 || (step.elements.isEmpty && step.weight > room) {
                    pieces.append([])
                    room = limit
                }
                let (part, more) = step.split(room)
                pieces[pieces.count - 1].append(part)
                room = max(0, room - part.weight)
                rest = more
            }
        }
        return pieces
    }
}

extension NFTStep {
    /// The kernel's work for it, in elements.
    var weight: Int {
        switch self {
        case .makeTable, .deleteTable: 0
        case .makeSet, .makeChain, .flush, .deleteChain, .deleteSet: 10
        case .fill(let chain): 10 * (1 + chain.rules.count)
        case .remove(let elements, _, _), .add(let elements, _, _): elements.count
        }
    }

    var elements: NFTElementRun {
        switch self {
        case .add(let elements, _, _), .remove(let elements, _, _): elements
        default: NFTElementRun([])
        }
    }

    /// A step with the first `count` elements, and one with the others if there are any.
    fileprivate func split(_ count: Int) -> (NFTStep, NFTStep?) {
        var tail = elements
        guard tail.count > count else { return (self, nil) }
        let head = tail.take(count)
        switch self {
        case .add(_, let set, let shape): return (.add(head, set, shape), .add(tail, set, shape))
        case .remove(_, let set, let shape):
            return (.remove(head, set, shape), .remove(tail, set, shape))
        default: return (self, nil)
        }
    }
}
