import CIPTables
import DataplaneModel
import Glibc
import HostFacts

/// A whole legacy table in compact form, foreign rules included: as it was read, or as it was written last.
struct PackedTable {
    let table: TableName
    /// What the kernel answers for this table.
    var fingerprint: TableFingerprint
    /// The built-in chains in the order of their hooks, then the others sorted by name.
    private(set) var chains: [PackedChain]
    /// The entry that ends every table, without being a part of a chain.
    private(set) var end: PackedChain
    /// For each id its chain's place among `chains`; negative for one that is free.
    private(set) var places: [Int32] = []

    init(
        _ table: TableName,
        _ fingerprint: TableFingerprint,
        chains: [PackedChain],
        end: PackedChain
    ) {
        self.table = table
        self.fingerprint = fingerprint
        self.chains = chains
        self.end = end
        // By index, and not one by one: each copy of a chain would retain its parts.
        let ids = chains.indices.reduce(0) { max($0, Int(chains[$1].id) + 1) }
        places = Array(repeating: -1, count: ids)
        for place in chains.indices { places[Int(chains[place].id)] = Int32(place) }
    }

    /// The place among `chains` of a chain that is not built in.
    func index(of name: String) -> Int? {
        let place = chains.span.bisect { $0.hook != nil || $0.name < name }
        guard place < chains.count, chains[place].name == name else { return nil }
        return place
    }

    /// The place of a built-in chain.
    func index(of chain: BuiltinChain) -> Int? {
        chains.firstIndex { $0.hook != nil && $0.name == chain.rawValue }
    }

    func name(of id: Int32) -> String { chains[Int(places[Int(id)])].name }

    /// Ids that no chain has, as many as wanted.
    func freeIDs(_ count: Int) -> [Int32] {
        var free: [Int32] = []
        free.reserveCapacity(count)
        for id in places.indices where free.count < count && places[id] < 0 {
            free.append(Int32(id))
        }
        var next = Int32(places.count)
        while free.count < count {
            free.append(next)
            next += 1
        }
        return free
    }

    /// For each id where its chain's rules begin, in bytes; negative for one that is free.
    func bodies() -> [Int32] {
        var bodies = [Int32](repeating: -1, count: places.count)
        var place: Int32 = 0
        for index in chains.indices {
            bodies[Int(chains[index].id)] = place + chains[index].body
            place += chains[index].size
        }
        return bodies
    }

    /// Numbers the entries in the order of the chains, and lets the fingerprint say what the kernel will
    /// answer. False if that is more than a table can hold.
    mutating func settle() -> Bool {
        var size = 0
        var entries = 0
        // The kernel has all ones for hooks that a table lacks.
        let none = [UInt32](repeating: .max, count: ImageEntry.builtin.count)
        (fingerprint.hookEntries, fingerprint.underflows) = (none, none)
        for index in chains.indices {
            guard size <= Int(Int32.max) else { return false }
            if let hook = chains[index].hook {
                fingerprint.hookEntries[hook] = UInt32(size)
                fingerprint.underflows[hook] = UInt32(size + Int(chains[index].foot))
            }
            chains[index].firstEntry = Int32(entries)
            size += Int(chains[index].size)
            entries += Int(chains[index].entryCount)
        }
        end.firstEntry = Int32(entries)
        size += Int(end.size)
        guard size <= Int(Int32.max) else { return false }
        fingerprint.size = UInt32(size)
        fingerprint.entries = UInt32(entries) + UInt32(end.entryCount)
        return true
    }
}

extension TableImage {
    /// Nil if an entry has a size that the kernel would not take.
    func packed() -> PackedTable? {
        var packed: [PackedChain] = []
        packed.reserveCapacity(chains.count)
        for index in chains.indices where chains[index].hook != nil {
            guard let chain = pack(index) else { return nil }
            packed.append(chain)
        }
        for index in sorted {
            guard let chain = pack(index) else { return nil }
            packed.append(chain)
        }
        var last = PackedChain.Packer(PackedChain(name: "", hook: nil, id: -1), layout)
        guard append(end, to: &last, .none) else { return nil }
        var end = last.finish()
        end.firstEntry = Int32(info.entries) - 1
        return PackedTable(table, info, chains: packed, end: end)
    }

    private func pack(_ index: Int) -> PackedChain? {
        let chain = chains[index]
        var packer = PackedChain.Packer(
            PackedChain(name: chain.name, hook: chain.hook, id: Int32(index)),
            layout
        )
        var place = chain.head
        var jump = firstJump(from: place)
        while place < chain.end {
            if place == chain.body { packer.beginBody() }
            if place == chain.foot { packer.beginFoot() }
            var link = EntryLink.none
            if jump < jumps.count, jumps[jump].place == place {
                link = jumps[jump].chain < 0 ? .next : .chain(jumps[jump].chain)
                jump += 1
            }
            guard append(place, to: &packer, link) else { return nil }
            place += size(ofEntryAt: place)
        }
        var packed = packer.finish()
        packed.firstEntry = Int32(chain.firstEntry)
        return packed
    }
}
