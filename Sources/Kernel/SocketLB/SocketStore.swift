package import Addressing
import CBPF
import CSocketLB
package import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

/// The socket programs of one family and the maps that they look up.
///
/// All is pinned below `SocketPlace.directory` and works on without this process. Another process's store
/// takes it over: with the same layout it uses the maps and at most replaces the programs; otherwise it fills
/// new maps before the programs that look them up take the place of those that are there.
///
/// Works in the network namespace of the calling thread, which is the node's.
package final class SocketStore: KernelStore {
    package let family: IPFamily
    /// A changed scope or set of transports shows as programs that are not attached at the next `observe`.
    package var place: SocketPlace
    let sizes: SocketMapSizes
    let pins: PinDirectory
    /// Nil before the first `observe` or `apply`, and if those that hold the plan are not pinned in this layout.
    var maps: SocketMaps?
    /// What is pinned then: what programs remember of clients and sockets goes on.
    var remains = SocketMaps()
    /// The links as they were last observed or attached.
    var links: [SocketHook: BPFLink] = [:]
    /// Links whose pins are gone. They last as long as they are open here, until they are pinned again.
    var unpinned: [SocketHook: BPFLink] = [:]
    /// How they were when they were last looked at.
    var seen: Attachment?
    var mark = ChangeMark()
    /// As `observe` has just read it: what comes next in the same pass need not read it again.
    var fresh: SocketState?
    /// At most so many entries are in the maps, until more are refused.
    var counts: [SocketMapName: Int] = [:]
    var strays = SocketStrays()
    /// Numbers of groups that programs that still run may have read.
    var removedNumbers: Set<UInt32> = []
    /// Whether this process has the directory to itself.
    var isLocked = false
    /// Whether cgroups are left out, as far as this store knows.
    var hasExclusions = false
    /// Where the next spot check begins.
    var nextChecked = 0

    package convenience init(family: IPFamily, place: SocketPlace) {
        self.init(family: family, place: place, sizes: SocketMapSizes())
    }

    init(family: IPFamily, place: SocketPlace, sizes: SocketMapSizes) {
        self.family = family
        self.place = place
        self.sizes = sizes
        pins = PinDirectory(place.directory, family)
    }

    /// Reads the maps and how programs are attached; changes nothing.
    ///
    /// Without maps of this layout the state is empty, with `isAttached` false.
    ///
    /// - Throws: `.notPermitted` without CAP_BPF; the kernel's refusal of a read.
    package func observe() throws(DataplaneError) -> Observation<SocketState> {
        let former = links
        let known = (unpinned: unpinned, seen: seen, maps: maps, remains: remains)
        let knewExclusions = hasExclusions
        links = try pinnedLinks()
        for (hook, link) in former where links[hook] == nil { unpinned[hook] = link }
        let attachment = try attachment()
        // What has lost its pins is still known as it was.
        if !links.isEmpty { AttachedPrograms.note(attachment, pins) }
        if let seen, seen != attachment { self.mark.certain += 1 }
        seen = attachment
        let mark = mark
        let open = try SocketMaps.pinned(pins.pin, family).completed(by: maps)
        let isUsable = try open.haveThisLayout
        maps = isUsable && open.holdPlan ? open : nil
        remains = isUsable ? open : SocketMaps()
        fresh = nil
        guard let maps else {
            counts = [:]
            strays = SocketStrays()
            var state = SocketState()
            state.isAttached = false
            return Observation(state, mark)
        }
        hasExclusions = try maps.settings().exclusions > 0
        let reading: SocketReading
        do throws(DataplaneError) {
            reading = try SocketReading(maps, family)
        } catch {
            guard error.errno == ECANCELED else { throw error }
            // What was known goes on.
            (links, unpinned, seen) = (former, known.unpinned, known.seen)
            (self.maps, remains, hasExclusions) = (known.maps, known.remains, knewExclusions)
            throw error
        }
        counts = reading.counts
        strays = reading.strays
        var state = reading.state
        fresh = state
        state.isAttached = try isWhole(attachment, maps)
        return Observation(state, mark)
    }

    /// Programs that another one detached or replaced, and pins that are gone, are certain changes.
    /// Changed entries of maps only show in `performDueWork`, and foreign ones only in `observe`.
    package func changes(since mark: ChangeMark) throws(DataplaneError) -> ForeignChanges {
        if let seen {
            let present = try attachment()
            if present != seen {
                self.mark.certain += 1
                self.seen = present
            }
        }
        return self.mark.changes(since: mark)
    }
}
