import Addressing
import CBPF
import CSocketLB
package import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

extension SocketStore {
    /// How full maps are, and which programs are attached, ours and others, after an `observe` or `apply`. The
    /// names of others need CAP_SYS_ADMIN, without which they are numbers alone.
    ///
    /// - Throws: the kernel's refusal to list the cgroup's programs.
    package func use() throws(DataplaneError) -> SocketUse {
        var use = SocketUse(cgroup: place.cgroup)
        let cgroup = try Cgroup.open(place.cgroup)
        let id = try Cgroup.id(of: place.cgroup)
        let present = try attachment().links.filter { $0.value.cgroup == id }
        use.attached = present.keys.map(\.callName).sorted()
        try refresh(&use)
        let own = try ownPrograms()
        let calls = Dictionary(grouping: SocketHook.all(family, place.transports)) { $0.callName }
        for (name, hooks) in calls {
            guard let call = hooks.first?.call else { continue }
            for id in try programs(at: call, cgroup.number) where !own.contains(id) {
                let program = BPFProgram.loaded(id)
                use.foreign.append("\(name): \(program.map { "\($0.name) " } ?? "")(id \(id))")
            }
        }
        use.foreign.sort()
        return use
    }

    /// How full maps are, sorted by name, and what had no room, after an `observe` or `apply`: the part of `use` that
    /// costs a few calls to the kernel, whatever the size.
    ///
    /// - Throws: the kernel's refusal of a read.
    package func refresh(_ use: inout SocketUse) throws(DataplaneError) {
        use.maps = []
        for name in SocketMapName.contents {
            guard let map = maps?[name] else { continue }
            let entries = min(counts[name, default: 0], map.capacity)
            use.maps.append(SocketUse.Map(name, entries, map.capacity))
        }
        if place.transports.contains(.udp), let map = maps?[.udpSockets],
            let count = try maps?[.udpCount]?.value(of: UInt32(), UInt64())
        {
            use.maps.append(SocketUse.Map(.udpSockets, Int(clamping: count), map.capacity))
        }
        use.maps.sort { $0.name < $1.name }
        use.overflows = try maps?.overflows() ?? SocketUse.Overflows()
        use.excludedCgroups = Int(try maps?.settings().exclusions ?? 0)
    }

    /// The identifiers of Fairlead's programs of both families.
    private func ownPrograms() throws(DataplaneError) -> Set<UInt32> {
        var own: Set<UInt32> = []
        for family in IPFamily.allCases {
            let pins = PinDirectory(place.directory, family)
            for hook in SocketHook.all(family) {
                if let link = try BPFLink.pinned(pins.link(of: hook)) {
                    own.insert(try link.facts().program)
                }
            }
        }
        return own
    }

    /// The identifiers of the programs of the cgroup itself.
    private func programs(
        at call: bpf_attach_type,
        _ cgroup: Int32
    ) throws(DataplaneError) -> [UInt32] {
        var ids = [UInt32](repeating: 0, count: 64)
        var count = UInt32(ids.count)
        let status = unsafe bpf_prog_query(cgroup, call, 0, nil, &ids, &count)
        // With more of them the first ones are there.
        guard status == 0 || status == -ENOSPC else {
            throw .system("bpf(BPF_PROG_QUERY)", place.cgroup, -status)
        }
        return Array(ids.prefix(Int(count)))
    }
}

extension SocketUse.Map {
    fileprivate init(_ name: SocketMapName, _ entries: Int, _ capacity: Int) {
        self.init(name: name.rawValue, entries: entries, capacity: capacity)
    }
}

extension SocketMaps {
    /// Zero where an earlier version's programs count nothing.
    fileprivate func overflows() throws(DataplaneError) -> SocketUse.Overflows {
        guard let map = self[.overflows] else { return SocketUse.Overflows() }
        return SocketUse.Overflows(
            memory: try map.value(of: LB_SOCKET_MEMORY.rawValue, UInt64()) ?? 0,
            flows: try map.value(of: LB_SOCKET_FLOWS.rawValue, UInt64()) ?? 0,
            udpSockets: try map.value(of: LB_UDP_SOCKETS.rawValue, UInt64()) ?? 0
        )
    }
}
