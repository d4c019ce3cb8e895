/// The elements of a set by their keys: what a dictionary would be, in a tenth of its memory.
///
/// The order is arbitrary, and differs between equal values.
package struct NFTElements: Sendable {
    private var table = NFTElementTable()
    /// What the table does not take: verdicts, and plain elements in a map or the other way round.
    private var others: [NFTValue: NFTData] = [:]

    package init() {}

    /// The keys must differ.
    package init(uniqueKeysWithValues elements: some Sequence<(NFTValue, NFTData)>) {
        for (key, data) in elements { set(key, data) }
    }

    /// What holds all elements; nil if there are others.
    var onlyTable: NFTElementTable? { others.isEmpty ? table : nil }

    package var count: Int { table.count + others.count }
    package var isEmpty: Bool { count == 0 }

    /// Makes room for this many elements in total.
    package mutating func reserve(_ count: Int) { table.reserve(count) }

    package subscript(key: NFTValue) -> NFTData? {
        get {
            if let slot = table.slot(of: key) { return table.data(slot) }
            return others.isEmpty ? nil : others[key]
        }
        set { set(key, newValue) }
    }

    /// Sets an element, or removes it with nil; returns the former value.
    @discardableResult
    package mutating func set(_ key: NFTValue, _ data: NFTData?) -> NFTData? {
        guard let data else { return remove(key) }
        if table.takes(data) {
            let other = others.isEmpty ? nil : others.removeValue(forKey: key)
            return table.set(key, data) ?? other
        }
        let before = remove(key)
        others[key] = data
        return before
    }

    private mutating func remove(_ key: NFTValue) -> NFTData? {
        guard let slot = table.slot(of: key) else {
            return others.isEmpty ? nil : others.removeValue(forKey: key)
        }
        defer { table.remove(slot) }
        return table.data(slot)
    }

    package var keys: some Sequence<NFTValue> { lazy.map(\.key) }

    /// By key.
    package func sorted() -> [NFTElement] {
        if table.count == 0 {
            return others.map { NFTElement($0, $1) }.sorted { $0.key < $1.key }
        }
        let elements = table.sortedSlots().map { NFTElement(table.key($0), table.data($0)) }
        if others.isEmpty { return elements }
        return (elements + others.map { NFTElement($0, $1) }).sorted { $0.key < $1.key }
    }

    /// Whether both have the same elements in the same places, as copies have: found out in no time for these, and for
    /// others at their first place that differs.
    private func isLaidOut(like other: NFTElements) -> Bool {
        table == other.table && others == other.others
    }

    /// Calls `body` with each key whose data are others in `new`, or that only one of both has.
    func forEachDifference(
        to new: NFTElements,
        _ body: (_ key: NFTValue, _ old: NFTData?, _ new: NFTData?) -> Void
    ) {
        if isLaidOut(like: new) { return }
        var common = 0
        for (key, data) in new {
            let old = self[key]
            if old != nil { common += 1 }
            if old != data { body(key, old, data) }
        }
        guard common < count else { return }
        for (key, data) in self where new[key] == nil { body(key, data, nil) }
    }
}

extension NFTElements: Sequence {
    package struct Iterator: IteratorProtocol {
        fileprivate let table: NFTElementTable
        fileprivate var slot = 0
        fileprivate var others: Dictionary<NFTValue, NFTData>.Iterator

        package mutating func next() -> (key: NFTValue, value: NFTData)? {
            while slot < table.slots {
                defer { slot += 1 }
                if table.isUsed(slot) { return (table.key(slot), table.data(slot)) }
            }
            return others.next()
        }
    }

    package func makeIterator() -> Iterator {
        Iterator(table: table, others: others.makeIterator())
    }

    package var underestimatedCount: Int { count }
}

extension NFTElements: Equatable {
    package static func == (left: NFTElements, right: NFTElements) -> Bool {
        if left.isLaidOut(like: right) { return true }
        return left.count == right.count && left.allSatisfy { right[$0.key] == $0.value }
    }
}

extension NFTElements: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (NFTValue, NFTData)...) {
        self.init(uniqueKeysWithValues: elements)
    }
}
