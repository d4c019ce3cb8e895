/// The type of a set's elements.
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
    /// Rules add elements, which expire (`flags dynamic,timeout`). Such elements are neither
    /// planned nor observed.
    package var isDynamic: Bool
    /// Each element counts the packets that matched it (`counter`). The counts are not part of the
    /// element.
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

/// One element of a set.
package struct NFTElement: Sendable, Hashable {
    package var key: NFTValue
    package var data: NFTData

    package init(_ key: NFTValue, _ data: NFTData = .none) {
        self.key = key
        self.data = data
    }
}

/// A named set or map used by rules.
package struct NFTSet: Sendable {
    package var name: NFTSetName
    package var shape: NFTSetShape
    /// The maximum number of elements; nil for no limit. The kernel reserves memory for all of them
    /// at once. A larger one is as good, so it is not part of equality.
    package var size: Int?
    package var elements: NFTElements
    /// Dispatches packets to rules that use the other sets, so its elements are added last and
    /// removed first. Not part of equality.
    package var isDispatchMap: Bool
    /// Contains something this model cannot represent. Only in observed sets; such a set equals no
    /// other.
    package var isOpaque: Bool
    /// The purpose of the set; shown in plans but not stored in the kernel, so not part of
    /// equality.
    package var title: String?

    package init(
        _ name: NFTSetName,
        _ shape: NFTSetShape,
        size: Int? = nil,
        elements: NFTElements = [:],
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

    /// A power of two, at least twice the present need, so that growing is rare.
    package static func size(for count: Int) -> Int {
        var size = 1024
        while size < 2 * count { size *= 2 }
        return size
    }

    package var sortedElements: [NFTElement] { elements.sorted() }

    /// Whether this many further elements fit.
    package func hasRoom(for count: Int) -> Bool {
        size.map { elements.count + count <= $0 } ?? true
    }
}

extension NFTSet: Equatable {
    package static func == (left: NFTSet, right: NFTSet) -> Bool {
        left.name == right.name && left.isAlike(right) && left.elements == right.elements
    }

    /// Whether one can become the other element by element: same shape, any content.
    package func isAlike(_ other: NFTSet) -> Bool {
        shape == other.shape && !isOpaque && !other.isOpaque
    }
}
