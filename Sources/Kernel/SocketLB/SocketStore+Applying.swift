import CSocketLB
package import DataplaneModel
import Glibc
import HostFacts

extension SocketStore {
    /// Writes the change, attaches programs if it says so, and makes larger maps where they are needed.
    ///
    /// What does not fit is one failure for each map, and is left to the packet rules.
    ///
    /// - Throws: `.conflict` if the maps are gone that the change is for; `.notPermitted`, `.unsupported` if
    ///   programs cannot be loaded or attached; `.busy` if another process writes into the directory; the
    ///   kernel's refusal of a removal.
    package func apply(_ diff: SocketDiff) throws(DataplaneError) -> ApplyReport {
        if !isLocked || diff.attaches {
            try PinFolder.make(place.directory)
            try PinLock.take(place.directory)
            isLocked = true
        }
        let present = fresh
        fresh = nil
        guard let maps else {
            guard diff.attaches else {
                throw .system(
                    "open",
                    pins.maps,
                    ENOENT,
                    kind: .conflict,
                    message: "no maps are pinned there"
                )
            }
            return try rebuild(SocketState(), diff)
        }
        if hasRoom(for: diff, maps) { return try edit(diff, maps) }
        if let present { return try rebuild(present, diff) }
        // The numbers of entries are estimates.
        let reading = try SocketReading(maps, family)
        counts = reading.counts
        strays = reading.strays
        if hasRoom(for: diff, maps) { return try edit(diff, maps) }
        return try rebuild(reading.state, diff)
    }

    private func edit(
        _ diff: SocketDiff,
        _ maps: SocketMaps
    ) throws(DataplaneError) -> ApplyReport {
        var edit = SocketEdit(maps)
        try edit.remove(strays)
        removedNumbers.formUnion(strays.groups)
        strays = SocketStrays()
        try write(diff, &edit)
        for (name, growth) in edit.growth { counts[name, default: 0] += growth }
        if diff.attaches { try attach(maps) }
        return ApplyReport(operations: diff.count, failures: edit.failures)
    }

    /// New before old, and nothing that two meanings could be read from: a number of a group that gets other
    /// frontends has no group until no program can hold one of its former frontends.
    private func write(_ diff: SocketDiff, _ edit: inout SocketEdit) throws(DataplaneError) {
        let moved = movedNumbers(diff)
        let made = diff.groups.filter { $0.new != nil }
        try edit.removeGroups(
            made.filter { $0.old != nil && moved.contains($0.number) }.map(\.number)
        )
        try edit.setGroups(made.filter { !moved.contains($0.number) })
        try edit.setAddresses(diff.addedNodeAddresses)
        try edit.setFrontends(diff.setFrontends)
        counts[.frontends, default: 0] += diff.setFrontends.count
        try edit.removeFrontends(diff.removedFrontends)
        try edit.removeAddresses(diff.removedNodeAddresses)
        if !moved.isEmpty {
            waitForPrograms()
            try edit.setGroups(
                made.filter { moved.contains($0.number) }.map {
                    SocketDiff.GroupChange(number: $0.number, old: nil, new: $0.new)
                }
            )
        }
        let removed = diff.groups.filter { $0.new == nil }.map(\.number)
        try edit.removeGroups(removed)
        removedNumbers.formUnion(removed)
        try edit.removeEndpoints(diff.groups)
    }

    /// Numbers that had a group, or may be remembered, and get frontends.
    private func movedNumbers(_ diff: SocketDiff) -> Set<UInt32> {
        let candidates = diff.groups.filter {
            $0.new != nil && ($0.old != nil || removedNumbers.contains($0.number))
        }
        if candidates.isEmpty { return [] }
        let named = diff.setFrontends.compactMap {
            if case .group(let number) = $0.action { number } else { nil }
        }
        return Set(candidates.map(\.number)).intersection(named)
    }

    private func waitForPrograms() {
        if lb_wait_for_programs() != 0 {
            // Kernels with full dynticks refuse it. A program runs for about a microsecond.
            usleep(100_000)
        }
        removedNumbers = []
    }
}

// MARK: Making maps

extension SocketStore {
    private func hasRoom(for diff: SocketDiff, _ maps: SocketMaps) -> Bool {
        var added: [SocketMapName: Int] = [
            .frontends: diff.setFrontends.count, .addresses: diff.addedNodeAddresses.count,
        ]
        for change in diff.groups {
            guard let new = change.new else { continue }
            added[.groups, default: 0] += change.old == nil ? 1 : 0
            added[.slots, default: 0] += max(0, new.slots.count - (change.old?.slots.count ?? 0))
            added[.members, default: 0] += new.members.count
        }
        let needsClients = diff.groups.contains(where: \.needsAffinity)
        guard !needsClients || maps[.affinity]?.capacity ?? 0 >= sizes.clients else { return false }
        return SocketMapName.contents.allSatisfy { name in
            let capacity = maps[name]?.capacity ?? 0
            return capacity >= sizes.limit
                || counts[name, default: 0] + added[name, default: 0] <= capacity
        }
    }

    /// Fills new maps with `state` and the change, and lets programs look them up from then on. What programs
    /// remember of clients and sockets stays.
    private func rebuild(
        _ state: SocketState,
        _ diff: SocketDiff
    ) throws(DataplaneError) -> ApplyReport {
        // Where nothing is there, the change is all that there is to be.
        let content =
            state == SocketState()
            ? diff : SocketDiff(from: SocketState(), to: state.applying(diff))
        let groups = content.groups.allAreNew ? content.groups : content.groups.compactMap(\.anew)
        let object = try SocketObject(family)
        let kept = try kept(forAffinity: groups.contains(where: \.needsAffinity), object)
        for (name, map) in kept.maps { try object.reuse(map, as: name) }
        let needed: [SocketMapName: Int] = [
            .frontends: content.setFrontends.count,
            .groups: groups.count,
            .slots: groups.reduce(0) { $0 + ($1.new?.slots.count ?? 0) },
            .members: groups.reduce(0) { $0 + ($1.new?.members.count ?? 0) },
            .addresses: content.addedNodeAddresses.count,
        ]
        for name in SocketMapName.contents {
            try object.resize(name, to: sizes.capacity(name, for: needed[name, default: 0]))
        }
        if kept[.affinity] == nil {
            let needsClients = groups.contains(where: \.needsAffinity)
            try object.resize(.affinity, to: UInt32(needsClients ? sizes.clients : 128))
        }
        try resizeUDPSockets(object, kept)
        if kept[.excluded] == nil { try object.resize(.excluded, to: UInt32(sizes.excluded)) }
        try object.load(SocketHook.all(family, place.transports))
        var new = SocketMaps()
        for name in SocketMapName.allCases {
            new[name] = try BPFMap(
                owning: object.descriptor(of: name),
                SocketMaps.subject(family, name)
            )
        }
        var edit = SocketEdit(new)
        try edit.setGroups(groups)
        try edit.setAddresses(content.addedNodeAddresses)
        try edit.setFrontends(content.setFrontends)
        try attach(object, new)
        try countUDPSockets(new, kept)
        maps = new
        remains = SocketMaps()
        counts = needed
        strays = SocketStrays()
        return ApplyReport(operations: diff.count, failures: edit.failures)
    }

    /// Maps that stay when others are made larger or anew.
    private func kept(
        forAffinity hasAffinity: Bool,
        _ object: borrowing SocketObject
    ) throws(DataplaneError) -> SocketMaps {
        var kept = SocketMaps()
        let present = maps ?? remains
        for name in SocketMapName.allCases where !SocketMapName.contents.contains(name) {
            guard let map = present[name], try isKept(map, as: name, of: present, object) else {
                continue
            }
            let isTooSmall = name == .affinity && hasAffinity && map.capacity < sizes.clients
            if !isTooSmall { kept[name] = map }
        }
        return kept
    }
}

extension SocketDiff.GroupChange {
    fileprivate var needsAffinity: Bool { new?.affinityTimeoutSeconds != nil }

    /// As if the group had not been there; nil for one that goes.
    fileprivate var anew: Self? {
        new == nil ? nil : SocketDiff.GroupChange(number: number, old: nil, new: new)
    }
}

extension [SocketDiff.GroupChange] {
    /// The usual case, in which none of many has to be copied.
    fileprivate var allAreNew: Bool { allSatisfy { $0.old == nil && $0.new != nil } }
}

extension SocketState {
    fileprivate func applying(_ diff: SocketDiff) -> SocketState {
        var state = self
        for frontend in diff.removedFrontends { state.frontends[frontend] = nil }
        for change in diff.setFrontends { state.frontends[change.key] = change.action }
        for change in diff.groups { state.groups[change.number] = change.new }
        state.nodeAddresses.subtract(diff.removedNodeAddresses)
        state.nodeAddresses.formUnion(diff.addedNodeAddresses)
        return state
    }
}
