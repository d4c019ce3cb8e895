import Addressing
import DataplaneModel

/// What rules may have added to dynamic maps, for packets like the traced one.
struct DynamicElements: Equatable {
    private var values: [DynamicElement.Key: Set<UInt32>] = [:]

    mutating func insert(_ element: DynamicElement) {
        if element.isStale { return }
        values[element.key, default: []].insert(element.value)
    }

    mutating func noteAsked(_ key: DynamicElement.Key) {
        values[key, default: []].formUnion([])
    }

    /// Maps in which rules look up clients although no rule adds any.
    var neverFilled: [NFTSetName] { values.filter(\.value.isEmpty).map(\.key.map).sorted() }

    /// The possible elements: one of them, or one whose value no rule sets any longer.
    func elements(at key: DynamicElement.Key) -> [DynamicElement] {
        guard let values = values[key]?.sorted(), let last = values.last else { return [] }
        let stale = DynamicElement(key: key, value: last &+ 1, isStale: true)
        return values.map { DynamicElement(key: key, value: $0) } + [stale]
    }
}
