/// Keys and, in a map, their values, in a hash table (open addressing, linear probing) whose slots have
/// only as many words as its values need: two for an IPv4 endpoint, where a dictionary entry has twelve.
///
/// All elements have data, or none has. Equal tables have the same elements, but tables of the same elements differ
/// where they have secrets of their own.
struct NFTElementTable: Sendable, Equatable {
    private(set) var count = 0
    /// Words of each slot: the key's and behind them the data's, the least significant first.
    private var keyWords = 1
    private var dataWords = 0
    private var words: [UInt64] = []
    /// For each slot 0 if it is free, else one more than the key's `freeBits`.
    private var marks: [UInt8] = []
    /// Secrets, so that nobody can choose addresses that share a slot; others after each growth, so that
    /// copying from one table to another does not fill it from one end.
    private var seed: UInt64 = 0
    private var factor: UInt64 = 1

    /// The number of slots, free ones too.
    var slots: Int { marks.count }
    var hasData: Bool { dataWords > 0 }

    private var stride: Int { keyWords + dataWords }

    func isUsed(_ slot: Int) -> Bool { marks[slot] != 0 }

    /// The key in a used slot.
    func key(_ slot: Int) -> NFTValue {
        NFTValue(words, at: slot * stride, count: keyWords, freeBits: marks[slot] - 1)
    }

    /// The data in a used slot.
    func data(_ slot: Int) -> NFTData {
        guard hasData else { return .none }
        return .value(NFTValue(words, at: slot * stride + keyWords, count: dataWords, freeBits: 0))
    }

    // MARK: - Finding

    private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    /// Where the search for a key begins.
    private func home(_ key: NFTValue) -> Int {
        var hash = seed
        for index in 0..<keyWords { hash = Self.mix(key[word: index] ^ hash, factor) }
        return place(hash)
    }

    /// The same for the key in a slot.
    private func home(ofKeyIn slot: Int) -> Int {
        var hash = seed
        let start = slot * stride
        for index in start..<(start + keyWords) { hash = Self.mix(words[index] ^ hash, factor) }
        return place(hash)
    }

    private func place(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: hash.multipliedFullWidth(by: UInt64(slots)).high)
    }

    private func following(_ slot: Int) -> Int { slot + 1 == slots ? 0 : slot + 1 }

    /// The slot of a key, or the free one where it would be; there must be a free one, and the key must
    /// not need more words than there are.
    private func search(_ key: NFTValue) -> (slot: Int, isFound: Bool) {
        var slot = home(key)
        let mark = key.freeBits + 1
        while marks[slot] != 0 {
            if marks[slot] == mark, holds(key, slot * stride) { return (slot, true) }
            slot = following(slot)
        }
        return (slot, false)
    }

    private func holds(_ key: NFTValue, _ start: Int) -> Bool {
        for index in 0..<keyWords where words[start + index] != key[word: index] { return false }
        return true
    }

    /// The slot of a key; nil if it is not there.
    func slot(of key: NFTValue) -> Int? {
        guard count > 0, key.wordCount <= keyWords else { return nil }
        let (slot, isFound) = search(key)
        return isFound ? slot : nil
    }

    // MARK: - Changing

    /// Whether an element with such data may be in the table now.
    func takes(_ data: NFTData) -> Bool {
        switch data {
        case .none: count == 0 || !hasData
        case .value(let value): value.freeBits == 0 && (count == 0 || hasData)
        case .verdict: false
        }
    }

    /// Sets an element that the table `takes`; returns its former data, nil if there was none.
    mutating func set(_ key: NFTValue, _ data: NFTData) -> NFTData? {
        var value: NFTValue?
        if case .value(let given) = data { value = given }
        makeRoom(keyWords: key.wordCount, dataWords: value?.wordCount ?? 0)
        let (slot, isFound) = search(key)
        let before = isFound ? self.data(slot) : nil
        if !isFound {
            marks[slot] = key.freeBits + 1
            count += 1
            let start = slot * stride
            for index in 0..<keyWords { words[start + index] = key[word: index] }
        }
        if let value {
            let start = slot * stride + keyWords
            for index in 0..<dataWords { words[start + index] = value[word: index] }
        }
        return before
    }

    /// Removes the element of a used slot, and moves those behind it that are closer to their home then.
    mutating func remove(_ slot: Int) {
        var hole = slot
        var next = following(hole)
        while marks[next] != 0 {
            if distance(home(ofKeyIn: next), next) >= distance(hole, next) {
                move(next, to: hole)
                hole = next
            }
            next = following(next)
        }
        marks[hole] = 0
        count -= 1
    }

    private func distance(_ from: Int, _ to: Int) -> Int {
        to >= from ? to - from : to - from + slots
    }

    private mutating func move(_ slot: Int, to hole: Int) {
        marks[hole] = marks[slot]
        for index in 0..<stride { words[hole * stride + index] = words[slot * stride + index] }
    }

    // MARK: - Growing

    /// At most three quarters are in use.
    private static func slots(for count: Int) -> Int { count + count / 3 + 2 }

    private func hasRoom(for count: Int) -> Bool { count <= slots / 4 * 3 }

    /// Makes room for this many elements in total.
    mutating func reserve(_ count: Int) {
        guard !hasRoom(for: count) else { return }
        rebuild(slots: max(8, Self.slots(for: count) + 4), keyWords, dataWords)
    }

    /// Makes room for one more element, of so many words.
    private mutating func makeRoom(keyWords: Int, dataWords: Int) {
        if count == 0, hasData != (dataWords > 0) {
            rebuild(slots: max(8, slots), keyWords, dataWords)
            return
        }
        let (wideKey, wideData) = (max(self.keyWords, keyWords), max(self.dataWords, dataWords))
        let fits = hasRoom(for: count + 1)
        if fits, wideKey == self.keyWords, wideData == self.dataWords { return }
        rebuild(slots: fits ? slots : max(8, 2 * slots), wideKey, wideData)
    }

    private mutating func rebuild(slots: Int, _ keyWords: Int, _ dataWords: Int) {
        let old = self
        self.keyWords = keyWords
        self.dataWords = dataWords
        words = [UInt64](repeating: 0, count: slots * stride)
        marks = [UInt8](repeating: 0, count: slots)
        seed = .random(in: .min ... .max)
        factor = .random(in: .min ... .max) | 1
        for slot in 0..<old.slots where old.isUsed(slot) {
            let place = search(old.key(slot)).slot
            marks[place] = old.marks[slot]
            let (from, to) = (slot * old.stride, place * stride)
            for index in 0..<old.keyWords { words[to + index] = old.words[from + index] }
            for index in 0..<old.dataWords {
                words[to + keyWords + index] = old.words[from + old.keyWords + index]
            }
        }
    }

    // MARK: - Sorting

    /// The used slots in the order of their keys.
    func sortedSlots() -> [Int] {
        let used = (0..<slots).filter(isUsed)
        if keyWords > 1 { return used.sorted { key($0) < key($1) } }
        return used.map { (key: words[$0 * stride], free: marks[$0], slot: $0) }
            .sorted { $0.key != $1.key ? $0.key < $1.key : $0.free < $1.free }
            .map(\.slot)
    }
}
