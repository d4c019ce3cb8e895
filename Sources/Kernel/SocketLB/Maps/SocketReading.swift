import Addressing
import CSocketLB
import DataplaneModel
import Glibc

/// The plan as maps hold it, and what is in them beside it.
struct SocketReading {
    private(set) var state = SocketState()
    private(set) var counts: [SocketMapName: Int] = [:]
    /// What belongs to nothing, or not to what it says: left by a crash between two steps, or another
    /// program's. Groups of these are not in `state`.
    private(set) var strays = SocketStrays()

    init(_ maps: SocketMaps, _ family: IPFamily) throws(DataplaneError) {
        try readFrontends(maps, family)
        try readGroups(maps, family)
        try readAddresses(maps, family)
    }

    private mutating func readFrontends(
        _ maps: SocketMaps,
        _ family: IPFamily
    ) throws(DataplaneError) {
        let read = try maps.the(.frontends).entries(lb_frontend.self, lb_action.self)
        counts[.frontends] = read.keys.count
        state.frontends.reserveCapacity(read.keys.count)
        for (key, value) in zip(read.keys, read.values) {
            if let frontend = key.frontend(family), let action = value.action {
                state.frontends[frontend] = action
            } else {
                strays.frontends.append(key)
            }
        }
    }

    private mutating func readAddresses(
        _ maps: SocketMaps,
        _ family: IPFamily
    ) throws(DataplaneError) {
        let read = try maps.the(.addresses).entries(lb_address.self, UInt32.self)
        counts[.addresses] = read.keys.count
        for key in read.keys {
            if let address = key.ip(family) {
                state.nodeAddresses.insert(address)
            } else {
                strays.addresses.append(key)
            }
        }
    }

    /// Groups whose slots or members are not what the group says are strays as a whole.
    private mutating func readGroups(
        _ maps: SocketMaps,
        _ family: IPFamily
    ) throws(DataplaneError) {
        let groups = try maps.the(.groups).entries(UInt32.self, lb_group.self)
        let slots = try maps.the(.slots).entries(lb_slot.self, lb_endpoint.self)
        let members = try maps.the(.members).entries(lb_member.self, UInt32.self)
        counts[.groups] = groups.keys.count
        counts[.slots] = slots.keys.count
        counts[.members] = members.keys.count

        var found: [UInt32: [SocketAddress?]] = [:]
        found.reserveCapacity(groups.keys.count)
        for (number, group) in zip(groups.keys, groups.values) {
            let count = Int(min(group.slots, UInt32(slots.keys.count)))
            found[number] = [SocketAddress?](repeating: nil, count: count)
        }
        for (key, endpoint) in zip(slots.keys, slots.values) {
            let slot = Int(key.slot)
            if slot < found[key.group]?.count ?? 0 {
                found[key.group]?[slot] = endpoint.socketAddress(family)
            } else {
                strays.slots.append(key)
            }
        }
        var memberKeys: [UInt32: [lb_member]] = [:]
        for key in members.keys { memberKeys[key.group, default: []].append(key) }

        state.groups.reserveCapacity(groups.keys.count)
        for (number, record) in zip(groups.keys, groups.values) {
            let endpoints = found[number]?.compactMap(\.self) ?? []
            let keys = memberKeys.removeValue(forKey: number) ?? []
            if number > 0, endpoints.count == Int(record.slots),
                let group = record.group(slots: endpoints),
                Set(keys.map { $0.endpoint.socketAddress(family) }) == Set(group.members)
            {
                state.groups[number] = group
            } else {
                strays.groups.append(number)
                strays.members += keys
                for slot in found[number, default: []].indices {
                    strays.slots.append(lb_slot(group: number, slot: UInt32(slot)))
                }
            }
        }
        strays.members += memberKeys.values.joined()
    }
}

/// Entries of maps that are to go.
struct SocketStrays {
    var frontends: [lb_frontend] = []
    var groups: [UInt32] = []
    var slots: [lb_slot] = []
    var members: [lb_member] = []
    var addresses: [lb_address] = []

    var isEmpty: Bool {
        frontends.isEmpty && groups.isEmpty && slots.isEmpty && members.isEmpty
            && addresses.isEmpty
    }
}
