import Addressing
import CBPF
import CSocketLB
import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

/// How programs are attached, as far as can be seen at little cost.
struct Attachment: Equatable {
    var links: [SocketHook: BPFLink.Facts] = [:]
    /// Paths where something of ours is pinned.
    var pins: Set<String> = []
}

extension SocketStore {
    func pinnedLinks() throws(DataplaneError) -> [SocketHook: BPFLink] {
        var found: [SocketHook: BPFLink] = [:]
        for hook in SocketHook.all(family) {
            found[hook] = try BPFLink.pinned(pins.link(of: hook))
        }
        return found
    }

    func attachment() throws(DataplaneError) -> Attachment {
        var attachment = Attachment()
        for (hook, link) in links { attachment.links[hook] = try link.facts() }
        let paths = SocketHook.all(family).map(pins.link) + SocketMapName.allCases.map(pins.pin)
        attachment.pins = Set(paths.filter { unsafe access($0, F_OK) == 0 })
        return attachment
    }

    /// Whether every program is attached where it should be, is of this version, and uses `maps`, and no
    /// other is there. Not without the cgroup: why it cannot be opened, the attempt to attach them says.
    func isWhole(_ attachment: Attachment, _ maps: SocketMaps) throws(DataplaneError) -> Bool {
        let settings = try maps.settings()
        let wanted = try wantedSettings()
        guard settings.version == wanted.version, settings.scope == wanted.scope,
            settings.node_namespace == wanted.node_namespace,
            SocketMapName.allCases.allSatisfy({ attachment.pins.contains(pins.pin(of: $0)) })
        else { return false }
        let hooks = SocketHook.all(family, place.transports)
        guard Set(hooks) == Set(attachment.links.keys) else { return false }
        guard let cgroup = try? Cgroup.id(of: place.cgroup) else { return false }
        for hook in hooks {
            guard let facts = attachment.links[hook], facts.cgroup == cgroup,
                facts.call == hook.call.rawValue,
                let program = try BPFProgram.pinned(pins.program(of: hook)),
                program.id == facts.program,
                !hook.isLookingUp || maps.contents.isSubset(of: program.maps)
            else { return false }
        }
        return true
    }

    /// Whether none of the programs was attached where they should be when that was last observed.
    package var isDetached: Bool {
        guard let id = try? Cgroup.id(of: place.cgroup) else { return true }
        return !(seen?.links.values.contains { $0.cgroup == id } ?? false)
    }

    private func wantedSettings() throws(DataplaneError) -> lb_settings {
        lb_settings(
            node_namespace: try NodeNamespace.cookie(),
            version: lb_programs_version(),
            scope: (place.scope == .node ? LB_NODE : LB_ALL).rawValue,
            layout: UInt32(LB_LAYOUT),
            exclusions: 0,
            reserved: 0
        )
    }

    /// Loads the programs for maps that are there, and attaches them.
    func attach(_ maps: SocketMaps) throws(DataplaneError) {
        let object = try SocketObject(family)
        var kept = SocketMaps()
        for (name, map) in maps.maps where try isKept(map, as: name, of: maps, object) {
            try object.reuse(map, as: name)
            kept[name] = map
        }
        if kept[.affinity] == nil { try object.resize(.affinity, to: UInt32(sizes.clients)) }
        try resizeUDPSockets(object, kept)
        if kept[.excluded] == nil { try object.resize(.excluded, to: UInt32(sizes.excluded)) }
        try object.load(SocketHook.all(family, place.transports))
        var used = SocketMaps()
        for name in SocketMapName.allCases {
            used[name] = try BPFMap(
                owning: object.descriptor(of: name),
                SocketMaps.subject(family, name)
            )
        }
        try attach(object, used)
        try countUDPSockets(used, kept)
        self.maps = used
        remains = SocketMaps()
    }

    /// Whether other programs go on with a map of `present`.
    func isKept(
        _ map: BPFMap,
        as name: SocketMapName,
        of present: SocketMaps,
        _ object: borrowing SocketObject
    ) throws(DataplaneError) -> Bool {
        guard try object.accepts(map, as: name) else { return false }
        switch name {
        case .overflows: return map.capacity == Int(LB_OVERFLOWS.rawValue)
        // The number is that of the entries.
        case .udpSockets, .udpCount:
            return servesDatagrams && present[.udpSockets]?.capacity == sizes.udpSockets
        default: return true
        }
    }

    /// Sets a number that was lost while the sockets were kept. One that comes or goes at this moment may be missing.
    func countUDPSockets(_ used: SocketMaps, _ kept: SocketMaps) throws(DataplaneError) {
        guard kept[.udpSockets] != nil, kept[.udpCount] == nil else { return }
        let sockets = try used.the(.udpSockets).entries(UInt64.self, lb_udp_socket.self)
        let map = try used.the(.udpCount)
        let entry = (keys: [UInt32(0)], values: [UInt64(sockets.keys.count)])
        if let refusal = map.set(entry).first {
            throw .system("bpf(BPF_MAP_UPDATE_BATCH)", map.subject, refusal.errno)
        }
    }

    /// Without UDP nothing sees the end of a UDP socket, so that what was remembered would stay for ever.
    private var servesDatagrams: Bool { place.transports.contains(.udp) }

    func resizeUDPSockets(
        _ object: borrowing SocketObject,
        _ kept: SocketMaps
    ) throws(DataplaneError) {
        guard kept[.udpSockets] == nil else { return }
        try object.resize(.udpSockets, to: UInt32(servesDatagrams ? sizes.udpSockets : 1))
    }

    /// Attaches loaded programs in place of those that are there, and pins all. What takes a frontend away
    /// comes last, and what is no longer wanted goes after that.
    func attach(
        _ object: borrowing SocketObject,
        _ maps: SocketMaps
    ) throws(DataplaneError) {
        let cgroup = try Cgroup.open(place.cgroup)
        let id = try Cgroup.id(of: place.cgroup)
        try makeDirectories()
        // A process that ends between here and the last pin leaves no version that the next one takes for whole.
        var settings = try wantedSettings()
        let version = settings.version
        settings.version = 0
        try maps.set(settings)
        try renewExclusions(maps)
        settings.exclusions = try maps.settings().exclusions
        let hooks = SocketHook.all(family, place.transports)
        // Before anything is moved.
        for hook in hooks where try attachedLink(hook, id) == nil {
            try AttachmentBlocker.refuse(hook, at: place.cgroup)
        }
        var attached: [SocketHook: BPFLink] = [:]
        for hook in hooks {
            let program = try object.descriptor(of: hook)
            attached[hook] = try attach(hook, program, to: cgroup.number, id)
            try BPFObject.pin(program, at: pins.program(of: hook))
        }
        for hook in SocketHook.all(family).reversed() where !hooks.contains(hook) {
            try remove(hook)
        }
        for (name, map) in maps.maps { try BPFObject.pin(map.number, at: pins.pin(of: name)) }
        settings.version = version
        try maps.set(settings)
        links = attached
        unpinned = [:]
        let present = try attachment()
        AttachedPrograms.note(present, pins)
        seen = present
    }

    /// The link at a call of the cgroup with that number; nil if there is none.
    private func attachedLink(_ hook: SocketHook, _ id: UInt64) throws(DataplaneError) -> BPFLink? {
        let pinned = try BPFLink.pinned(pins.link(of: hook))
        guard let link = pinned ?? unpinned[hook], try link.facts().isAttached(to: id, hook.call)
        else { return nil }
        return link
    }

    /// One program at its call, and never two of ours: the second would take the first one's endpoint for what the
    /// client asks for, and have the Service forgotten. So the one in another cgroup goes first, and the rules serve for
    /// that moment.
    private func attach(
        _ hook: SocketHook,
        _ program: Int32,
        to cgroup: Int32,
        _ id: UInt64
    ) throws(DataplaneError) -> BPFLink {
        let path = pins.link(of: hook)
        let pinned = try BPFLink.pinned(path)
        if let present = try attachedLink(hook, id) {
            try present.update(program)
            if pinned == nil { try present.pin(at: path) }
            return present
        }
        pinned?.detach()
        unpinned[hook]?.detach()
        let link = try BPFLink(attaching: program, to: cgroup, hook.call, path)
        try link.pin(at: path)
        return link
    }

    private func makeDirectories() throws(DataplaneError) {
        for path in [pins.path, pins.maps, pins.programs, pins.links] {
            guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else {
                throw .system("mkdir", path, errno)
            }
        }
    }

    func remove(_ hook: SocketHook) throws(DataplaneError) {
        let path = pins.link(of: hook)
        try BPFLink.pinned(path)?.detach()
        for path in [path, pins.program(of: hook)] {
            guard unsafe unlink(path) == 0 || errno == ENOENT else {
                throw .system("unlink", path, errno)
            }
        }
    }
}

extension SocketMaps {
    /// The identifiers of the maps that a program needs to find an endpoint.
    fileprivate var contents: Set<UInt32> {
        Set((SocketMapName.contents + [.settings]).compactMap { self[$0]?.id })
    }
}

extension BPFLink.Facts {
    fileprivate func isAttached(to id: UInt64, _ call: bpf_attach_type) -> Bool {
        cgroup == id && self.call == call.rawValue
    }
}
