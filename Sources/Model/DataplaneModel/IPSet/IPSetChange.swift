/// A change to one set.
package enum IPSetChange: Sendable, Equatable {
    /// Changes to entries of an existing set with enough room.
    package struct Update: Sendable, Equatable {
        package var name: IPSetName
        /// Sorted; an existing entry with another mark gets this one.
        package var added: [IPSetEntry]
        /// The marks of added entries; 0 in a set without marks.
        package var marks: [UInt32]
        /// How many of the added entries exist and only get another mark.
        package var remarked: Int
        /// Sorted.
        package var removed: [IPSetEntry]

        package init(
            name: IPSetName,
            added: [IPSetEntry],
            marks: [UInt32],
            remarked: Int = 0,
            removed: [IPSetEntry]
        ) {
            self.name = name
            self.added = added
            self.marks = marks
            self.remarked = remarked
            self.removed = removed
        }
    }

    case create(IPSet)
    case update(Update)
    /// Filled under a temporary name, then swapped in: the set is too small, or of another kind.
    case replace(IPSet)
    case destroy(IPSet)

    package var name: IPSetName {
        switch self {
        case .create(let set), .replace(let set), .destroy(let set): set.name
        case .update(let update): update.name
        }
    }

    /// Number of changed objects: sets and entries.
    package var count: Int {
        switch self {
        case .create(let set): 1 + set.entries.count
        case .replace, .destroy: 1
        case .update(let update): update.added.count + update.removed.count
        }
    }
}

extension IPSetChange {
    /// The changes from one collection of sets to another, sorted by name.
    package static func changes(
        from old: [IPSetName: IPSet],
        to new: [IPSetName: IPSet]
    ) -> [IPSetChange] {
        Set(old.keys).union(new.keys).sorted().compactMap { name in
            switch (old[name], new[name]) {
            case (nil, let wanted?): .create(wanted)
            case (let present?, nil): .destroy(present)
            case (let present?, let wanted?): change(from: present, to: wanted)
            case (nil, nil): nil
            }
        }
    }

    /// Nil if nothing differs.
    private static func change(from old: IPSet, to new: IPSet) -> IPSetChange? {
        guard old.isAlike(new), old.capacity >= new.entries.count else { return .replace(new) }
        return update(new.name, from: old.entries, to: new.entries)
    }

    /// Nil if nothing differs.
    private static func update(
        _ name: IPSetName,
        from old: [IPSetEntry: UInt32],
        to new: [IPSetEntry: UInt32]
    ) -> IPSetChange? {
        let added = new.filter { old[$0.key] != $0.value }.keys.sorted()
        let removed = old.keys.filter { new[$0] == nil }.sorted()
        if added.isEmpty, removed.isEmpty { return nil }
        return .update(
            Update(
                name: name,
                added: added,
                marks: added.map { new[$0] ?? 0 },
                remarked: added.count { old[$0] != nil },
                removed: removed
            )
        )
    }
}

extension IPSet {
    /// Sets entries with their marks, or removes them with nil, and returns the change; nil if
    /// nothing changes. The cost depends on `wanted`, unless the set has to grow.
    package mutating func replaceEntries(_ wanted: [IPSetEntry: UInt32?]) -> IPSetChange? {
        var added: [IPSetEntry] = []
        var removed: [IPSetEntry] = []
        var remarked = 0
        if entries.isEmpty { entries.reserveCapacity(wanted.count) }
        for (entry, mark) in wanted {
            let present = entries[entry]
            guard present != mark else { continue }
            entries[entry] = mark
            guard mark != nil else {
                removed.append(entry)
                continue
            }
            added.append(entry)
            if present != nil { remarked += 1 }
        }
        if added.isEmpty, removed.isEmpty { return nil }
        if entries.count > capacity {
            capacity = Self.capacity(for: entries.count)
            return .replace(self)
        }
        added.sort()
        return .update(
            IPSetChange.Update(
                name: name,
                added: added,
                marks: added.map { entries[$0] ?? 0 },
                remarked: remarked,
                removed: removed.sorted()
            )
        )
    }
}
