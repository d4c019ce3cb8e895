/// Elements of a set while they change: each change is made at once, and what was there before is
/// noted, so that in the end the difference can be told.
package struct NFTSetEdit: Sendable {
    private struct Note {
        var key: NFTValue
        var before: NFTData?
    }

    fileprivate private(set) var elements: [NFTValue: NFTData]
    /// In the order of the changes; nil if nobody asks for the difference.
    private var notes: [Note]?

    fileprivate init(_ elements: [NFTValue: NFTData], isNoting: Bool) {
        self.elements = elements
        notes = isNoting ? [] : nil
    }

    /// Room for so many elements in all.
    package mutating func reserve(_ count: Int) { elements.reserveCapacity(count) }

    /// Sets an element with its value, or with nil removes it; what was there before.
    @discardableResult
    package mutating func set(_ key: NFTValue, _ data: NFTData?) -> NFTData? {
        let before: NFTData?
        if let data {
            before = elements.updateValue(data, forKey: key)
        } else {
            before = elements.removeValue(forKey: key)
        }
        if before != data { notes?.append(Note(key: key, before: before)) }
        return before
    }

    /// Each key that is other than it was, by key.
    fileprivate func describe(in update: inout NFTSetChange.Update) {
        // The first note on a key tells what was there, and the sort keeps it first.
        let sorted = (notes ?? []).sorted { $0.key < $1.key }
        var last: NFTValue?
        for note in sorted where note.key != last {
            last = note.key
            update.note(note.key, from: note.before, to: elements[note.key])
        }
    }
}

extension NFTSet {
    /// Takes the elements out to be changed, until `finish` puts them back. The difference is told
    /// only if `isNoting`, which costs some time for each change.
    package mutating func beginEdit(isNoting: Bool) -> NFTSetEdit {
        defer { elements = [:] }
        return NFTSetEdit(elements, isNoting: isNoting)
    }

    /// Puts the elements back, and returns what changed if that was noted. Work grows with the
    /// changes.
    package mutating func finish(_ edit: consuming NFTSetEdit) -> NFTSetChange.Update {
        var update = NFTSetChange.Update(self)
        edit.describe(in: &update)
        elements = edit.elements
        return update
    }
}
