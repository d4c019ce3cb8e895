/// Elements one after the other, to be written: of a list, or of a set in the order in which it holds
/// them, without a copy of them.
package struct NFTElementRun: Sendable {
    private var list: ArraySlice<NFTElement> = []
    private var table: NFTElementTable?
    /// Where it begins in the table.
    private var slot = 0
    package private(set) var count: Int

    package init(_ list: some Collection<NFTElement>) {
        self.list = ArraySlice(list)
        count = list.count
    }

    /// All elements of a set; sorted if it has ranges.
    package init(of set: NFTSet) {
        guard !set.shape.isInterval, let table = set.elements.onlyTable else {
            self.init(set.sortedElements)
            return
        }
        self.init([])
        self.table = table
        count = table.count
    }

    package var isEmpty: Bool { count == 0 }

    /// Removes and returns the first element; nil if there is none.
    package mutating func popFirst() -> NFTElement? {
        guard count > 0 else { return nil }
        count -= 1
        guard let table else { return list.popFirst() }
        while !table.isUsed(slot) { slot += 1 }
        defer { slot += 1 }
        return NFTElement(table.key(slot), table.data(slot))
    }

    /// Removes and returns the first `number` elements, or all.
    package mutating func take(_ number: Int) -> NFTElementRun {
        var head = self
        head.count = min(number, count)
        count -= head.count
        guard let table else {
            head.list = list.prefix(head.count)
            list = list.dropFirst(head.count)
            return head
        }
        var passed = 0
        while passed < head.count {
            if table.isUsed(slot) { passed += 1 }
            slot += 1
        }
        return head
    }
}

extension NFTElementRun: Equatable {
    package static func == (left: NFTElementRun, right: NFTElementRun) -> Bool {
        var (left, right) = (left, right)
        guard left.count == right.count else { return false }
        while let element = left.popFirst() {
            if element != right.popFirst() { return false }
        }
        return true
    }
}
