/// Gives each key a number of its own in 1...`count`, close to one that follows from the key.
///
/// The numbers depend on the keys alone, not on their order of arrival, and a key that comes or
/// goes moves few others: an ordered hash table with linear probing, where of two
/// keys that want one place the lesser stays (Amble and Knuth, Ordered hash tables, 1974).
struct NumberTable<Key: Hashable & Comparable & Sendable>: Sendable {
    private let count: UInt32
    private let home: @Sendable (Key) -> UInt64
    private var keys: [UInt32: Key] = [:]
    private(set) var numbers: [Key: UInt32] = [:]

    init(count: UInt32, home: @escaping @Sendable (Key) -> UInt64) {
        self.count = count
        self.home = home
    }

    /// Adds keys where no present one has to be reported.
    mutating func load(_ new: [Key]) {
        keys.reserveCapacity(numbers.count + new.count)
        numbers.reserveCapacity(numbers.count + new.count)
        var before: [Key: UInt32?]?
        insert(new, &before)
    }

    /// The key with a number; nil if it is free.
    func key(of number: UInt32) -> Key? { keys[number] }

    /// Removes and adds keys and returns those whose number is another one now, or is gone. When
    /// all numbers are in use, further keys get none.
    mutating func update(removing old: Set<Key>, adding new: Set<Key>) -> Set<Key> {
        var before: [Key: UInt32?]? = [:]
        for key in old.subtracting(new).sorted() { remove(key, &before) }
        insert(new, &before)
        return Set((before ?? [:]).filter { numbers[$0.key] != $0.value }.keys)
    }

    private mutating func insert(_ new: some Collection<Key>, _ before: inout [Key: UInt32?]?) {
        // The order of arrival matters only when there are not numbers enough for all.
        if numbers.count + new.count <= Int(count) {
            for key in new where numbers[key] == nil { insert(key, &before) }
        } else {
            for key in new.sorted() where numbers[key] == nil { insert(key, &before) }
        }
    }

    /// `before` gets the number so far of a key that it does not have, unless it is nil.
    private mutating func set(_ key: Key, _ place: UInt32?, _ before: inout [Key: UInt32?]?) {
        if before != nil, before?[key] == nil { before?[key] = .some(numbers[key]) }
        numbers[key] = place
        if let place { keys[place] = key }
    }

    private mutating func insert(_ key: Key, _ before: inout [Key: UInt32?]?) {
        guard numbers.count < Int(count) else { return }
        var key = key
        var place = UInt32(home(key) % UInt64(count)) + 1
        while let present = keys[place] {
            if key < present {
                set(key, place, &before)
                key = present
            }
            place = next(place)
        }
        set(key, place, &before)
    }

    /// What stands behind the gap, up to the next one, is put in again.
    private mutating func remove(_ key: Key, _ before: inout [Key: UInt32?]?) {
        guard let gap = numbers[key] else { return }
        set(key, nil, &before)
        keys[gap] = nil
        var moved: [Key] = []
        var place = next(gap)
        while let present = keys[place] {
            moved.append(present)
            set(present, nil, &before)
            keys[place] = nil
            place = next(place)
        }
        for present in moved { insert(present, &before) }
    }

    private func next(_ place: UInt32) -> UInt32 { place % count + 1 }
}
