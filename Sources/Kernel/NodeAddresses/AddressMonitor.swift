import Addressing
import CNetlink
import DataplaneModel
import Glibc
import Netlink

/// Counts changes of other programs to our bindings of one family, from the kernel's notifications:
/// while nothing changes it sends the kernel nothing.
///
/// It knows what is bound, and so which notifications are news. Our own changes are announced to it
/// before they are made, as the notification of an IPv6 address arrives some time later.
final class AddressMonitor {
    private let family: IPFamily
    private let ownership: Ownership
    private let traffic: NetlinkTraffic
    private var socket: NetlinkSocket
    /// Our link; nil while there is none.
    private var link: RoutingSocket.Link?
    private var loopbackIsUp: Bool?
    /// The single addresses on our link. The kernel sends two notifications for some of them.
    private var addresses: Set<IPAddress> = []
    private var ranges: Set<IPPrefix> = []
    private var count = 0
    /// What is known is out of date: notifications were lost, or reading failed.
    private var isStale = true
    /// What the notifications since the last call were about, and whether it was bound then.
    private var wereBound: [AddressChange: Bool] = [:]

    /// `LOOPBACK_IFINDEX`: the loopback interface is the first one of every namespace.
    private static let loopback: UInt32 = 1

    /// Listens from now on, in the network namespace of the calling thread.
    init(
        _ family: IPFamily,
        _ ownership: Ownership,
        _ traffic: NetlinkTraffic
    ) throws(DataplaneError) {
        self.family = family
        self.ownership = ownership
        self.traffic = traffic
        let groups =
            family == .ipv4
            ? [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE]
            : [RTNLGRP_LINK, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE]
        socket = try NetlinkSocket.listening(NETLINK_ROUTE, to: groups.map(\.rawValue))
        try look()
    }

    /// How many changes were noticed since the start. Lost notifications count as one, as they may have
    /// been about anything. What came and went between two calls does not count: the notification of
    /// an IPv6 address may arrive when we have already removed it.
    func changes() throws(DataplaneError) -> Int {
        wereBound = [:]
        while try !socket.receiveNotifications({ read($0) }) {
            count += 1
            isStale = true
        }
        if isStale { try look() }
        if wereBound.contains(where: { isBound($0.key) != $0.value }) { count += 1 }
        return count
    }

    /// Announces our own changes, right before they are made.
    func expect(_ changes: [AddressChange]) throws(DataplaneError) {
        _ = try self.changes()
        for change in changes {
            switch change {
            case .add(let address): addresses.insert(address)
            case .remove(let address): addresses.remove(address)
            case .addRange(let range): ranges.insert(range)
            case .removeRange(let range): ranges.remove(range)
            }
        }
    }

    /// The link exists and is up, so that adding an address does not create it.
    var hasLink: Bool { link?.isUp ?? false }

    /// Reads what is bound now, after a change of our own that also made the link, or was refused in
    /// part. A difference to what was announced counts if it is `surprising`: not after a refusal.
    func lookAgain(surprising: Bool) throws(DataplaneError) {
        let (before, expected) = (count, (addresses, ranges))
        // Notifications up to here are about what is read now.
        _ = try changes()
        count = before
        try look()
        if surprising, expected != (addresses, ranges) { count += 1 }
    }

    private func look() throws(DataplaneError) {
        isStale = true
        var socket = try RoutingSocket(traffic)
        ranges = Set(try socket.localRanges(family, ownership.routeProtocol))
        link = try socket.link(ownership.link)
        addresses = []
        if let link { addresses = try socket.singleAddresses(family, of: link) }
        isStale = false
    }

    /// Takes in one notification.
    func read(_ message: NetlinkMessage) {
        let payload = message.payload
        switch Int(message.type) {
        case Int(RTM_NEWLINK): readLink(payload, isThere: true)
        case Int(RTM_DELLINK): readLink(payload, isThere: false)
        case Int(RTM_NEWADDR): readAddress(payload, isThere: true)
        case Int(RTM_DELADDR): readAddress(payload, isThere: false)
        case Int(RTM_NEWROUTE): readRange(payload, isThere: true)
        case Int(RTM_DELROUTE): readRange(payload, isThere: false)
        default: break
        }
    }

    private func readLink(_ payload: NetlinkBytes, isThere: Bool) {
        let index = payload.number(UInt32.self, at: 4)
        let isUp = isThere && payload.number(UInt32.self, at: 8) & UInt32(IFF_UP) != 0
        if index == Self.loopback {
            // The kernel removes the IPv4 routes with it without notifications.
            if let loopbackIsUp, loopbackIsUp != isUp { count += 1 }
            if loopbackIsUp == nil, !isUp { count += 1 }
            loopbackIsUp = isUp
            return
        }
        let attributes = payload.dropFirst(16)
        let isOurs = isThere && attributes.attribute(IFLA_IFNAME)?.text == ownership.link
        guard isOurs || index == link?.index else { return }
        let kind = attributes.attribute(IFLA_LINKINFO)?.attribute(IFLA_INFO_KIND)?.text ?? ""
        let now = isOurs ? RoutingSocket.Link(index: index, kind: kind, isUp: isUp) : nil
        guard now != link else { return }
        if now?.index != link?.index { addresses = [] }
        link = now
        count += 1
    }

    private func readAddress(_ payload: NetlinkBytes, isThere: Bool) {
        guard payload.number(UInt8.self) == family.protocolFamily,
            payload.number(UInt32.self, at: 4) == link?.index,
            Int(payload.number(UInt8.self, at: 1)) == family.bitWidth
        else { return }
        let attributes = payload.dropFirst(8)
        guard let own = attributes.attribute(IFA_LOCAL) ?? attributes.attribute(IFA_ADDRESS)
        else { return }
        let address = IPAddress(family: family, bits: own.network(own.count))
        note(.add(address))
        if isThere { addresses.insert(address) } else { addresses.remove(address) }
    }

    private func readRange(_ payload: NetlinkBytes, isThere: Bool) {
        let range = RoutingSocket.localRange(payload, family, ownership.routeProtocol)
        guard let range else { return }
        note(.addRange(range))
        if isThere { ranges.insert(range) } else { ranges.remove(range) }
    }

    /// Remembers whether something was bound before the notification.
    private func note(_ binding: AddressChange) {
        if wereBound[binding] == nil { wereBound[binding] = isBound(binding) }
    }

    private func isBound(_ binding: AddressChange) -> Bool {
        switch binding {
        case .add(let address), .remove(let address): addresses.contains(address)
        case .addRange(let range), .removeRange(let range): ranges.contains(range)
        }
    }
}
