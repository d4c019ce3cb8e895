import Addressing
import CSocketLB
import DataplaneModel
import Glibc
import HostFacts

/// Writes changes into maps that programs read meanwhile. A program that has read one Service's frontend finds no
/// other's endpoint for it: numbers of groups get another meaning only when no program can hold the former one, and
/// an entry that goes while a program copies it does not count (`COPY` in `programs/lookup.h`).
///
/// Where something does not fit, its frontends are left to the packet rules.
struct SocketEdit {
    private let maps: SocketMaps
    /// By how many entries the maps have grown.
    private(set) var growth: [SocketMapName: Int] = [:]
    private(set) var failures: [DataplaneError] = []
    /// Groups that could not be written, and are not in the kernel.
    private var lost: Set<UInt32> = []

    init(_ maps: SocketMaps) { self.maps = maps }

    // MARK: Single maps

    private mutating func set<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        _ name: SocketMapName,
        _ entries: (keys: [Key], values: [Value])
    ) throws(DataplaneError) -> [BPFMap.Refusal] {
        if entries.keys.isEmpty { return [] }
        let map = try maps.the(name)
        let refusals = map.set(entries)
        if let first = refusals.first {
            let isFull = first.errno == E2BIG
            var error = DataplaneError.system("bpf(BPF_MAP_UPDATE_BATCH)", map.subject, first.errno)
            let reason = isFull ? "full with \(map.capacity) entries" : error.message ?? ""
            error.kind = .other
            error.message =
                "\(reason); \(refusals.count) more did not fit, and what needs them is left to the packet rules"
            failures.append(error)
        }
        return refusals
    }

    private mutating func remove<Key: BitwiseCopyable>(
        _ name: SocketMapName,
        _ keys: [Key]
    ) throws(DataplaneError) {
        if keys.isEmpty { return }
        let map = try maps.the(name)
        growth[name, default: 0] -= keys.count
        guard let refusal = map.remove(keys).first else { return }
        throw .system("bpf(BPF_MAP_DELETE_BATCH)", map.subject, refusal.errno)
    }

    // MARK: Steps

    /// Removes groups, so that frontends that still name them are left to the packet rules.
    mutating func removeGroups(_ numbers: [UInt32]) throws(DataplaneError) {
        try remove(.groups, numbers)
    }

    /// Puts endpoints into slots, and then the groups that have them.
    mutating func setGroups(_ changes: [SocketDiff.GroupChange]) throws(DataplaneError) {
        try setSlots(changes)
        try setMembers(changes)
        var entries: (keys: [UInt32], values: [lb_group]) = ([], [])
        for change in changes where !lost.contains(change.number) {
            guard let new = change.new else { continue }
            let record = lb_group(new)
            if let old = change.old, lb_group(old).isEqual(to: record) { continue }
            entries.keys.append(change.number)
            entries.values.append(record)
            if change.old == nil { growth[.groups, default: 0] += 1 }
        }
        let keys = entries.keys
        for refusal in try set(.groups, entries) { lost.insert(keys[refusal.index]) }
        try removeLost(changes)
    }

    private mutating func setSlots(_ changes: [SocketDiff.GroupChange]) throws(DataplaneError) {
        var entries: (keys: [lb_slot], values: [lb_endpoint]) = ([], [])
        let count = changes.reduce(0) { $0 + ($1.new?.slots.count ?? 0) }
        entries.keys.reserveCapacity(count)
        entries.values.reserveCapacity(count)
        for change in changes {
            guard let new = change.new?.slots else { continue }
            let old = change.old?.slots ?? []
            growth[.slots, default: 0] += max(0, new.count - old.count)
            for (slot, endpoint) in new.enumerated()
            where slot >= old.count || old[slot] != endpoint {
                entries.keys.append(lb_slot(group: change.number, slot: UInt32(slot)))
                entries.values.append(lb_endpoint(endpoint))
            }
        }
        let keys = entries.keys
        for refusal in try set(.slots, entries) { lost.insert(keys[refusal.index].group) }
    }

    private mutating func setMembers(_ changes: [SocketDiff.GroupChange]) throws(DataplaneError) {
        var keys: [lb_member] = []
        for change in changes {
            guard let new = change.new?.members, !new.isEmpty else { continue }
            for endpoint in new.subtracting(change.old?.members ?? []) {
                keys.append(lb_member(group: change.number, endpoint: lb_endpoint(endpoint)))
            }
        }
        growth[.members, default: 0] += keys.count
        let values = [UInt32](repeating: 0, count: keys.count)
        for refusal in try set(.members, (keys, values)) { lost.insert(keys[refusal.index].group) }
    }

    /// Takes groups out that were written in part.
    private mutating func removeLost(_ changes: [SocketDiff.GroupChange]) throws(DataplaneError) {
        guard !lost.isEmpty else { return }
        let partial = changes.filter { lost.contains($0.number) }
        try removeGroups(partial.map(\.number))
        try removeEndpoints(
            partial.flatMap { change in
                [change.old, change.new].compactMap(\.self).map {
                    SocketDiff.GroupChange(number: change.number, old: $0, new: nil)
                }
            }
        )
    }

    /// Removes slots and members that groups no longer have.
    mutating func removeEndpoints(_ changes: [SocketDiff.GroupChange]) throws(DataplaneError) {
        var slots: [lb_slot] = []
        var members: [lb_member] = []
        for change in changes {
            guard let old = change.old else { continue }
            let first = change.new?.slots.count ?? 0
            if first < old.slots.count {
                for slot in first..<old.slots.count {
                    slots.append(lb_slot(group: change.number, slot: UInt32(slot)))
                }
            }
            let gone = old.members
            for endpoint in gone.isEmpty ? gone : gone.subtracting(change.new?.members ?? []) {
                members.append(lb_member(group: change.number, endpoint: lb_endpoint(endpoint)))
            }
        }
        try remove(.slots, slots)
        try remove(.members, members)
    }

    mutating func setFrontends(
        _ frontends: [SocketDiff.FrontendChange]
    ) throws(DataplaneError) {
        _ = try set(
            .frontends,
            (frontends.map { lb_frontend($0.key) }, frontends.map { lb_action($0.action) })
        )
    }

    mutating func removeFrontends(_ frontends: [SocketFrontend]) throws(DataplaneError) {
        try remove(.frontends, frontends.map { lb_frontend($0) })
    }

    mutating func setAddresses(_ addresses: [IPAddress]) throws(DataplaneError) {
        growth[.addresses, default: 0] += addresses.count
        let values = [UInt32](repeating: 0, count: addresses.count)
        _ = try set(.addresses, (addresses.map { lb_address($0) }, values))
    }

    mutating func removeAddresses(_ addresses: [IPAddress]) throws(DataplaneError) {
        try remove(.addresses, addresses.map { lb_address($0) })
    }

    mutating func remove(_ strays: SocketStrays) throws(DataplaneError) {
        try remove(.frontends, strays.frontends)
        try remove(.addresses, strays.addresses)
        try remove(.groups, strays.groups)
        try remove(.slots, strays.slots)
        try remove(.members, strays.members)
    }
}

extension lb_group {
    fileprivate func isEqual(to other: lb_group) -> Bool {
        slots == other.slots && choice == other.choice && affinity_seconds == other.affinity_seconds
            && is_for_datagrams == other.is_for_datagrams
    }
}
