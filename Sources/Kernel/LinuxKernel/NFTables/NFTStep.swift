import Addressing
import DataplaneModel

/// One thing that a transaction does.
enum NFTStep: Equatable {
    case makeTable
    case deleteTable
    case makeSet(NFTSet)
    case makeChain(NFTChain)
    /// In place of the rules it has.
    case fill(NFTChain)
    case remove([NFTElement], NFTSetName, NFTSetShape)
    case add([NFTElement], NFTSetName, NFTSetShape)
    /// Its rules.
    case flush(NFTChainName)
    case deleteChain(NFTChainName)
    case deleteSet(NFTSetName)
}

extension NFTTransaction {
    init(_ family: IPFamily, _ steps: [NFTStep]) {
        self.init(family, reserving: steps.reduce(4096) { $0 + 64 * $1.elements.count })
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
    /// The transactions that make the change, in their order, each of at most the weight `limit`
    /// where that does no harm.
    ///
    /// A small change is one transaction. Of a large one, what no packet finds yet comes
    /// in advance and what none finds any more goes afterwards, in pieces, so that others who write
    /// nftables do not wait for long; the change itself, if it alters where packets go that have a
    /// way already, stays in one piece.
    func transactions(limit: Int) -> [[NFTStep]] {
        if let rebuilt {
            let anew = NFTablesDiff(from: NFTablesState(), to: rebuilt)
            // The table must be there to be deleted.
            return [[.makeTable, .deleteTable] + NFTStages(anew).inOne]
        }
        if table == .delete { return [[.deleteTable]] }
        let stages = NFTStages(self)
        let weight = stages.inOne.reduce(0) { $0 + $1.weight }
        let all = weight <= limit ? [stages.inOne] : stages.inPieces(limit)
        return all.filter { !$0.isEmpty }
    }
}

/// The steps of a change, by when they may be done.
private struct NFTStages {
    /// Table, sets and chains that are new.
    private var beginnings: [NFTStep] = []
    private var newRules: [NFTStep] = []
    /// Elements that are new, in sets that packets find by way of others.
    private var advance: [NFTStep] = []
    private var changedRules: [NFTStep] = []
    private var taken: [NFTStep] = []
    private var given: [NFTStep] = []
    /// Elements of sets that packets find by way of others.
    private var leftover: [NFTStep] = []
    private var endings: [NFTStep] = []

    init(_ diff: NFTablesDiff) {
        if diff.table != nil { beginnings.append(.makeTable) }
        for change in diff.sets { add(change) }
        var flushes: [NFTStep] = []
        var deletions: [NFTStep] = []
        for change in diff.chains {
            switch change {
            case .create(let chain):
                beginnings.append(.makeChain(chain))
                if !chain.rules.isEmpty { newRules.append(.fill(chain)) }
            case .replace(_, let chain): changedRules.append(.fill(chain))
            case .delete(let chain):
                flushes.append(.flush(chain.name))
                deletions.append(.deleteChain(chain.name))
            }
        }
        // Chains that go may lead to one another, and ask sets that go.
        endings = flushes + deletions + endings
    }

    private mutating func add(_ change: NFTSetChange) {
        switch change {
        case .create(let set):
            beginnings.append(.makeSet(set))
            let elements = set.sortedElements
            guard !elements.isEmpty else { return }
            let step = NFTStep.add(elements, set.name, set.shape)
            if set.isDispatchMap { given.append(step) } else { advance.append(step) }
        case .delete(let set): endings.append(.deleteSet(set.name))
        case .update(let update): add(update)
        }
    }

    private mutating func add(_ update: NFTSetChange.Update) {
        func step(_ elements: [NFTElement], isAddition: Bool) -> [NFTStep] {
            if elements.isEmpty { return [] }
            return isAddition
                ? [.add(elements, update.name, update.shape)]
                : [.remove(elements, update.name, update.shape)]
        }
        taken += step(update.replaced.map { NFTElement($0.key, $0.old) }, isAddition: false)
        given += step(update.replaced.map { NFTElement($0.key, $0.new) }, isAddition: true)
        // A range may be added only when one that it overlaps is gone.
        if update.isDispatchMap || update.shape.isInterval {
            taken += step(update.removed, isAddition: false)
            given += step(update.added, isAddition: true)
        } else {
            leftover += step(update.removed, isAddition: false)
            advance += step(update.added, isAddition: true)
        }
    }

    /// Rules stand before elements: binding a rule to a map walks through it.
    var inOne: [NFTStep] {
        beginnings + newRules + changedRules + taken + leftover + advance + given + endings
    }

    func inPieces(_ limit: Int) -> [[NFTStep]] {
        let isOnlyMore = changedRules.isEmpty && taken.isEmpty
        return Self.pieces(beginnings + newRules, limit) + Self.pieces(advance, limit)
            + (isOnlyMore ? Self.pieces(given, limit) : [changedRules + taken + given])
            + Self.pieces(leftover, limit) + [endings]
    }

    /// The same, each of at most the weight `limit` unless one step alone has more.
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
    /// How much work it is for the kernel, in elements.
    var weight: Int {
        switch self {
        case .makeTable, .deleteTable: 0
        case .makeSet, .makeChain, .flush, .deleteChain, .deleteSet: 10
        case .fill(let chain): 10 * (1 + chain.rules.count)
        case .remove(let elements, _, _), .add(let elements, _, _): elements.count
        }
    }

    var elements: [NFTElement] {
        switch self {
        case .add(let elements, _, _), .remove(let elements, _, _): elements
        default: []
        }
    }

    /// A step with the first `count` elements, and one with the others if there are more.
    fileprivate func split(_ count: Int) -> (NFTStep, NFTStep?) {
        switch self {
        case .add(let elements, let set, let shape) where elements.count > count:
            (
                .add(Array(elements.prefix(count)), set, shape),
                .add(Array(elements.dropFirst(count)), set, shape)
            )
        case .remove(let elements, let set, let shape) where elements.count > count:
            (
                .remove(Array(elements.prefix(count)), set, shape),
                .remove(Array(elements.dropFirst(count)), set, shape)
            )
        default: (self, nil)
        }
    }
}
