/// The elements of a set during an edit: each change is applied at once and its former value noted,
/// so that the difference is known in the end.
package struct NFTSetEdit: Sendable {
    private struct Note {
        var key: NFTValue
        var before: NFTData?
    }

    fileprivate private(set) var elements: NFTElements
    /// In the order of the changes; nil if the difference is not needed.
    private var notes: [Note]?

    fileprivate init(_ elements: NFTElements, isNoting: Bool) {
        self.elements = elements
        notes = isNoting ? [] : nil
    }

    /// Reserves room for this many elements in total.
    package mutating func reserve(_ count: Int) { elements.reserve(count) }

    /// Sets an element, or removes it with nil; returns the former value.
    @discardableResult
    package mutating func set(_ key: NFTValue, _ data: NFTData?) -> NFTData? {
        let before = elements.set(key, data)
        if notes != nil, before != data { notes?.append(Note(key: key, before: before)) }
        return before
    }

    /// Every changed key, sorted by key.
    fileprivate func describe(in update: inout NFTSetChange.Update) {
        // The first note on a key has its original value, and the sort keeps it first.
        let sorted = (notes ?? []).sorted { $0.key < $1.key }
        var last: NFTValue?
        for note in sorted where note.key != last {
            last = note.key
            update.note(note.key, from: note.before, to: elements[note.key])
        }
    }
}

extension NFTSet {
    /// Takes the elements out for editing, until `finish` puts them back. The difference is only
    /// known with `isNoting`, which adds a cost to each change.
    package mutating func beginEdit(isNoting: Bool) -> NFTSetEdit {
        defer { elements = [:] }
        return NFTSetEdit(elements, isNoting: isNoting)
    }

    /// Puts the elements back, and returns the changes if they were noted. The cost depends on the
    /// number of changes.
    package mutating func finish(_ edit: consuming NFTSetEdit) -> NFTSetChange.Update {
        var update = NFTSetChange.Update(self)
        edit.describe(in: &update)
        elements = edit.elements
        return update
    }
}
