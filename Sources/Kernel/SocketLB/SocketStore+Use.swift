import Addressing
import CSocketLB
package import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

extension SocketStore {
    /// How full maps are, and which programs are attached, ours and others, after an `observe` or `apply`. The
    /// names of others need CAP_SYS_ADMIN, without which they are numbers alone. What else cannot be found out is left
    /// out, and `SocketUse.failure` says why.
    ///
    /// - Throws: the kernel's refusal to tell how programs are attached.
    package func use() throws(DataplaneError) -> SocketUse {
        var use = SocketUse(cgroup: place.cgroup)
        // Without the cgroup's number, those that are attached anywhere.
        let id = try? Cgroup.id(of: place.cgroup)
        // As they are now: an attempt to attach them may have ended half way.
        for (hook, link) in try pinnedLinks().merging(
            unpinned,
            uniquingKeysWith: { link, _ in link }
        ) {
            let facts = try link.facts()
            if id.map({ $0 == facts.cgroup }) ?? (facts.cgroup != 0) {
                use.attached.append(hook.callName)
            }
        }
        use.attached.sort()
        do throws(DataplaneError) {
            try refresh(&use)
            try findForeign(&use)
        } catch {
            use.failure = "\(error)"
        }
        return use
    }

    private func findForeign(_ use: inout SocketUse) throws(DataplaneError) {
        let own = try ownPrograms()
        let calls = Dictionary(grouping: SocketHook.all(family, place.transports)) { $0.callName }
        for (name, hooks) in calls {
            guard let call = hooks.first?.call else { continue }
            let present = try CgroupPrograms(of: call, at: place.cgroup)
            for id in present.ids where !own.contains(id) {
                let program = BPFProgram.loaded(id)
                use.foreign.append("\(name): \(program.map { "\($0.name) " } ?? "")(id \(id))")
            }
        }
        use.foreign.sort()
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
            // A number that had to be counted anew may be too small by sockets that went meanwhile.
            let entries = max(0, Int(Int64(bitPattern: count)))
            use.maps.append(SocketUse.Map(.udpSockets, min(entries, map.capacity), map.capacity))
        }
        use.maps.sort { $0.name < $1.name }
        use.overflows = try maps?.overflows() ?? SocketUse.Overflows()
        use.excludedCgroups = Int(try maps?.settings().exclusions ?? 0)
    }

    /// The identifiers of Fairlead's programs of both families: what is pinned, and what this process has attached.
    private func ownPrograms() throws(DataplaneError) -> Set<UInt32> {
        var own: Set<UInt32> = []
        for family in IPFamily.allCases {
            let pins = PinDirectory(place.directory, family)
            own.formUnion(AttachedPrograms.of(pins))
            for hook in SocketHook.all(family) {
                if let link = try BPFLink.pinned(pins.link(of: hook)) {
                    own.insert(try link.facts().program)
                }
            }
        }
        return own
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
