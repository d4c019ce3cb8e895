/// Elements that are read one by one, in any order and perhaps more than once, of a set that is expected to have those
/// of a plan.
///
/// As long as they are the plan's, nothing but a mark is kept of each.
package struct NFTElementComparison: Sendable {
    private let planned: NFTElements
    /// Its table if that has all of it, else an empty one.
    private let table: NFTElementTable
    /// Of each slot of the plan's table, whether its element has been read.
    private var isRead: [Bool]
    /// How many have been.
    private var count = 0
    /// What was read beside them.
    private var others = NFTElements()

    package init(to planned: NFTElements) {
        self.planned = planned
        table = planned.onlyTable ?? NFTElementTable()
        isRead = [Bool](repeating: false, count: table.slots)
    }

    package mutating func add(_ element: NFTElement) {
        guard let slot = table.slot(of: element.key), table.data(slot) == element.data else {
            others[element.key] = element.data
            return
        }
        if !isRead[slot] { count += 1 }
        isRead[slot] = true
    }

    /// What has been read: the plan's own elements if it is all of those and no others.
    package var elements: NFTElements {
        if others.isEmpty, count == planned.count { return planned }
        if count == 0 { return others }
        var elements = NFTElements()
        elements.reserve(count + others.count)
        for slot in isRead.indices where isRead[slot] {
            elements[table.key(slot)] = table.data(slot)
        }
        for (key, data) in others { elements[key] = data }
        return elements
    }
}
