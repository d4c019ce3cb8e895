/// What the elements of a set are made of.
package struct NFTSetShape: Sendable, Hashable {
    /// What an element maps its key to.
    package enum Mapping: Sendable, Hashable {
        /// Nothing: a plain set.
        case none
        case fields([NFTField])
        case verdict
    }

    package var key: [NFTField]
    package var mapping: Mapping
    /// The last field of a key may be a range (`flags interval`); keys have two fields or more.
    package var isInterval: Bool
    /// Rules add elements, which run out (`flags dynamic,timeout`). Such elements are neither
    /// planned nor observed.
    package var isDynamic: Bool
    /// Each element counts the packets that found it (`counter`). What it has counted is no part of
    /// the element.
    package var countsPackets: Bool

    package init(
        _ key: [NFTField],
        mapping: Mapping = .none,
        isInterval: Bool = false,
        isDynamic: Bool = false,
        countsPackets: Bool = false
    ) {
        assert(!isInterval || key.count > 1, "an interval set of one field")
        self.key = key
        self.mapping = mapping
        self.isInterval = isInterval
        self.isDynamic = isDynamic
        self.countsPackets = countsPackets
    }
}

/// What an element maps its key to.
package enum NFTData: Sendable, Hashable {
    case none
    case value(NFTValue)
    case verdict(NFTVerdict)
}

/// One entry of a set.
package struct NFTElement: Sendable, Hashable {
    package var key: NFTValue
    package var data: NFTData

    package init(_ key: NFTValue, _ data: NFTData = .none) {
        self.key = key
        self.data = data
    }
}

/// A named set or map that rules ask.
package struct NFTSet: Sendable {
    package var name: NFTSetName
    package var shape: NFTSetShape
    /// How many elements it can take; nil for any number. The kernel reserves memory for so many at
    /// once. A larger one is as good, so no part of equality.
    package var size: Int?
    package var elements: [NFTValue: NFTData]
    /// Packets find their way to the other sets by this one's elements, so that they are added last
    /// and go first. No part of equality.
    package var isDispatchMap: Bool
    /// Holds something that this model has no words for. Only ever observed; such a set equals none.
    package var isOpaque: Bool
    /// What the set is for; shown in plans, not kept by the kernel and so no part of equality.
    package var title: String?

    package init(
        _ name: NFTSetName,
        _ shape: NFTSetShape,
        size: Int? = nil,
        elements: [NFTValue: NFTData] = [:],
        isDispatchMap: Bool = false,
        isOpaque: Bool = false,
        title: String? = nil
    ) {
        self.name = name
        self.shape = shape
        self.size = size
        self.elements = elements
        self.isDispatchMap = isDispatchMap
        self.isOpaque = isOpaque
        self.title = title
    }

    /// A power of two, at least twice what is needed now, so that growing is rare.
    package static func size(for count: Int) -> Int {
        var size = 1024
        while size < 2 * count { size *= 2 }
        return size
    }

    package var sortedElements: [NFTElement] {
        elements.keys.sorted().map { NFTElement($0, elements[$0] ?? .none) }
    }

    /// Whether so many elements fit beside those that are there.
    package func hasRoom(for count: Int) -> Bool {
        size.map { elements.count + count <= $0 } ?? true
    }
}

extension NFTSet: Equatable {
    package static func == (left: NFTSet, right: NFTSet) -> Bool {
        left.name == right.name && left.isAlike(right) && left.elements == right.elements
    }

    /// The same sort of set, whatever is in it: one can become the other element by element.
    package func isAlike(_ other: NFTSet) -> Bool {
        shape == other.shape && !isOpaque && !other.isOpaque
    }
}
