/// A change to one set.
package enum NFTSetChange: Sendable, Equatable {
    /// Changes to elements of an existing set with enough room.
    package struct Update: Sendable, Equatable {
        package var name: NFTSetName
        package var shape: NFTSetShape
        /// As in `NFTSet`.
        package var isDispatchMap: Bool
        /// Sorted by key, like the others.
        package var added: [NFTElement]
        package var removed: [NFTElement]
        package var replaced: [Replacement]

        package var isEmpty: Bool { added.isEmpty && removed.isEmpty && replaced.isEmpty }
        package var count: Int { added.count + removed.count + replaced.count }
        /// How many elements the set holds in addition to its old ones until the transaction ends:
        /// the kernel counts both.
        var newCount: Int { added.count + replaced.count }
    }

    /// A key with a new value.
    package struct Replacement: Sendable, Equatable {
        package var key: NFTValue
        package var old: NFTData
        package var new: NFTData
    }

    /// With all its elements.
    case create(NFTSet)
    case update(Update)
    case delete(NFTSet)

    package var name: NFTSetName {
        switch self {
        case .create(let set), .delete(let set): set.name
        case .update(let update): update.name
        }
    }

    /// Number of changed objects: sets and elements.
    package var count: Int {
        switch self {
        case .create(let set): 1 + set.elements.count
        case .delete: 1
        case .update(let update): update.count
        }
    }
}

extension NFTSetChange.Update {
    /// An empty update.
    init(_ set: NFTSet) {
        self.init(
            name: set.name,
            shape: set.shape,
            isDispatchMap: set.isDispatchMap,
            added: [],
            removed: [],
            replaced: []
        )
    }

    /// The changes from one set's elements to those of another of the same kind.
    init(from old: NFTSet, to new: NFTSet) {
        self.init(new)
        old.elements.forEachDifference(to: new.elements) { note($0, from: $1, to: $2) }
        sort()
    }

    mutating func note(_ key: NFTValue, from old: NFTData?, to new: NFTData?) {
        switch (old, new) {
        case (nil, let data?): added.append(NFTElement(key, data))
        case (let data?, nil): removed.append(NFTElement(key, data))
        case (let old?, let new?) where old != new:
            replaced.append(NFTSetChange.Replacement(key: key, old: old, new: new))
        default: break
        }
    }

    private mutating func sort() {
        added.sort { $0.key < $1.key }
        removed.sort { $0.key < $1.key }
        replaced.sort { $0.key < $1.key }
    }
}
