package import Addressing
import CNetlink
package import DataplaneModel
import Glibc
package import Netlink

/// Binds Service addresses of one family to this host: single addresses on our dummy link, and local
/// routes for whole ranges.
///
/// Works in the network namespace of the calling thread, which must be the dataplane thread.
package final class AddressStore {
    package let family: IPFamily
    private let ownership: Ownership
    private let traffic: NetlinkTraffic
    private var openMonitor: AddressMonitor?
    /// Kept from one use to the next: opening it costs more than a request.
    private var socket: RoutingSocket?

    /// The link that `ownership` names serves both families.
    package init(
        family: IPFamily,
        ownership: Ownership = .fairlead,
        traffic: NetlinkTraffic = NetlinkTraffic()
    ) {
        self.family = family
        self.ownership = ownership
        self.traffic = traffic
    }

    /// The single addresses on our link, and the ranges of our routes.
    ///
    /// Addresses on a link that is down are left out, as their routes went when it was set down, and so
    /// are those with a range wider than /32 or /128, which another program assigned.
    ///
    /// - Throws: the kernel's refusal of a dump.
    package func observe() throws(DataplaneError) -> AddressBinding {
        try withSocket { (socket) throws(DataplaneError) in
            var binding = AddressBinding(
                ranges: Set(try socket.localRanges(family, ownership.routeProtocol))
            )
            if let found = try socket.link(ownership.link), found.kind == RoutingSocket.dummy,
                found.isUp
            {
                binding.addresses = try socket.singleAddresses(family, of: found)
            }
            return binding
        }
    }

    /// Runs `body` with an open socket, which is opened again after an error.
    private func withSocket<Result>(
        _ body: (inout RoutingSocket) throws(DataplaneError) -> Result
    ) throws(DataplaneError) -> Result {
        var open: RoutingSocket
        switch socket.take() {
        case .some(let kept): open = kept
        case .none: open = try RoutingSocket(traffic)
        }
        let result = try body(&open)
        socket = consume open
        return result
    }

    /// How often other programs changed our bindings since the first call. Sends the kernel nothing
    /// while nothing changes.
    package func changes() throws(DataplaneError) -> Int { try monitor().changes() }

    private func monitor() throws(DataplaneError) -> AddressMonitor {
        if let openMonitor { return openMonitor }
        let monitor = try AddressMonitor(family, ownership, traffic)
        openMonitor = monitor
        return monitor
    }

    /// Runs an edit that makes `changes`, so that none of them counts as a foreign change.
    private func edit(
        _ changes: [AddressChange],
        _ body: (inout AddressEdit, inout RoutingSocket) throws(DataplaneError) -> Void
    ) throws(DataplaneError) -> ApplyReport {
        var edit = AddressEdit(family, ownership)
        let hadLink = openMonitor?.hasLink ?? false
        try openMonitor?.expect(changes)
        try withSocket { (socket) throws(DataplaneError) in try body(&edit, &socket) }
        let isWhole = edit.report.failures.isEmpty
        let makesLink = !hadLink && changes.contains { $0.added != nil }
        if makesLink || !isWhole { try openMonitor?.lookAgain(surprising: isWhole) }
        return edit.report
    }

    /// Adds ranges and addresses, and creates our link for the first address. It is fine if they exist.
    ///
    /// What the kernel refuses is in `failures`, and the rest is done; without a link that is one
    /// failure for all addresses.
    ///
    /// - Throws: `.notPermitted` if the link cannot be read or created without the capability.
    package func make(_ changes: [AddressChange]) throws(DataplaneError) -> ApplyReport {
        let ranges = changes.compactMap { if case .addRange(let range) = $0 { range } else { nil } }
        let addresses = changes.compactMap(\.added)
        return try edit(addresses.map { .add($0) } + ranges.map { .addRange($0) }) {
            (edit, socket) throws(DataplaneError) in
            if !ranges.isEmpty { try edit.add(ranges, by: &socket) }
            if !addresses.isEmpty { try edit.add(addresses, by: &socket) }
        }
    }

    /// Removes addresses and ranges; it is fine if they are gone. The link stays.
    package func remove(_ changes: [AddressChange]) throws(DataplaneError) -> ApplyReport {
        let addresses = changes.compactMap(\.removed)
        let ranges = changes.compactMap {
            if case .removeRange(let range) = $0 { range } else { nil }
        }
        return try edit(addresses.map { .remove($0) } + ranges.map { .removeRange($0) }) {
            (edit, socket) throws(DataplaneError) in
            if !addresses.isEmpty { try edit.remove(addresses, by: &socket) }
            if !ranges.isEmpty { try edit.remove(ranges, by: &socket) }
        }
    }

    /// Removes our link if it has no address of either family; false if it stays.
    @discardableResult
    package func removeLinkIfUnused() throws(DataplaneError) -> Bool {
        try withSocket { (socket) throws(DataplaneError) in
            try socket.removeDummyIfUnused(ownership.link, evenIfDown: false)
        }
    }
}
