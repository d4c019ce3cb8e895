import CSocketLB

/// The maps of one family; `programs/lookup.h` and `programs/sockets.h` say what is in them.
enum SocketMapName: String, Sendable, CaseIterable {
    case frontends, groups, slots, members, addresses, affinity, settings, peers, flows,
        overflows
    case udpSockets = "udp_sockets"
    case udpCount = "udp_count"
    case excluded

    /// Those that hold the plan.
    static let contents: [SocketMapName] = [.frontends, .groups, .slots, .members, .addresses]

    /// The sizes of key and value; nil for what only the programs read.
    var recordSizes: (key: Int, value: Int)? {
        switch self {
        case .frontends: (MemoryLayout<lb_frontend>.size, MemoryLayout<lb_action>.size)
        case .groups: (MemoryLayout<UInt32>.size, MemoryLayout<lb_group>.size)
        case .slots: (MemoryLayout<lb_slot>.size, MemoryLayout<lb_endpoint>.size)
        case .members: (MemoryLayout<lb_member>.size, MemoryLayout<UInt32>.size)
        case .addresses: (MemoryLayout<lb_address>.size, MemoryLayout<UInt32>.size)
        case .settings: (MemoryLayout<UInt32>.size, MemoryLayout<lb_settings>.size)
        case .overflows, .udpCount: (MemoryLayout<UInt32>.size, MemoryLayout<UInt64>.size)
        case .excluded: (MemoryLayout<UInt64>.size, MemoryLayout<UInt32>.size)
        case .udpSockets: (MemoryLayout<UInt64>.size, MemoryLayout<lb_udp_socket>.size)
        case .affinity, .peers, .flows: nil
        }
    }
}

/// How many entries maps have room for. Those of the plan, and affinity, take all of their memory at once: about 100
/// bytes an entry, so that the least of it is 3 MB. Of the others the kernel takes 16 bytes for each at once, and more
/// only for entries that are there.
struct SocketMapSizes: Sendable {
    /// No map has more entries.
    var limit = 1 << 22
    /// Clients whose endpoints are remembered, once a group has affinity; the one unused for longest makes
    /// room.
    var clients = 1 << 16
    /// Connected UDP sockets that can be ended; what there is no room for is left to the packet rules.
    var udpSockets = 1 << 16
    /// Cgroups that are left out.
    var excluded = 1 << 12

    /// At least as many as needed, with some to come; the kernel rounds up to a power of two in any case.
    func capacity(_ map: SocketMapName, for count: Int) -> UInt32 {
        let least =
            switch map {
            case .slots: 1 << 14
            case .addresses: 1 << 8
            default: 1 << 12
            }
        var capacity = least
        while capacity < count + count / 4, capacity < limit { capacity *= 2 }
        return UInt32(min(capacity, limit))
    }
}
