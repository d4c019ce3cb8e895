import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
import Netlink

extension RoutingSocket {
    /// The kind of our link: it has addresses and carries no packets.
    package static let dummy = "dummy"

    /// Our link, created if there is none and set up.
    ///
    /// - Throws: `.other` if the link of that name is not a dummy link; `.unsupported` if the kernel has
    ///   none; `.notPermitted` without CAP_NET_ADMIN.
    package mutating func requireDummy(_ name: String) throws(DataplaneError) -> Link {
        if try link(name) == nil { try createDummy(name) }
        guard let found = try link(name) else {
            throw .system("RTM_NEWLINK", "link \(name)", ENODEV)
        }
        guard found.kind == Self.dummy else { throw Self.foreign(name, found) }
        if !found.isUp {
            var batch = NetlinkBatch()
            batch.beginLink(RTM_NEWLINK, index: found.index, up: true)
            if let refusal = try transact(&batch).first {
                throw .system("RTM_NEWLINK", "link \(name)", refusal.errno)
            }
        }
        return found
    }

    private static func foreign(_ name: String, _ link: Link) -> DataplaneError {
        let kind = link.kind.isEmpty ? "a device" : "of kind \(link.kind)"
        return .system(
            "RTM_GETLINK",
            "link \(name)",
            EEXIST,
            kind: .other,
            message: "it is \(kind), not a dummy link, so Fairlead leaves it unchanged: rename it"
        )
    }

    private mutating func createDummy(_ name: String) throws(DataplaneError) {
        var batch = NetlinkBatch()
        batch.beginLink(RTM_NEWLINK, flags: UInt16(NLM_F_CREATE | NLM_F_EXCL))
        batch.attribute(IFLA_IFNAME, name)
        let info = batch.openNested(IFLA_LINKINFO)
        batch.attribute(IFLA_INFO_KIND, Self.dummy)
        batch.closeNested(info)
        // A separate message, as the kernel ignores this when it creates a link, and before the link
        // goes up, as it gets its link-local address then.
        batch.beginLink(RTM_NEWLINK)
        batch.attribute(IFLA_IFNAME, name)
        let families = batch.openNested(IFLA_AF_SPEC)
        let ipv6 = batch.openNested(AF_INET6)
        let mode = UInt8(IN6_ADDR_GEN_MODE_NONE.rawValue)
        batch.attribute(IFLA_INET6_ADDR_GEN_MODE, mode)
        batch.closeNested(ipv6)
        batch.closeNested(families)
        for refusal in try transact(&batch) where refusal.index == 0 {
            // EEXIST: another program created it meanwhile, and its kind is checked next. The second
            // message fails on hosts without IPv6, which have no link-local addresses.
            if refusal.errno == EEXIST { continue }
            var error = DataplaneError.system("RTM_NEWLINK", "link \(name)", refusal.errno)
            if error.kind == .unsupported {
                error.message =
                    "the kernel has no dummy links: \(Cure.loadModule("dummy").command), or bind ranges, not addresses"
            }
            throw error
        }
    }

    /// Removes a dummy link unless it has an address of either family that was assigned to it, which
    /// counts `evenIfDown` or only while the link is up; false if the link stays, or is not a dummy.
    package mutating func removeDummyIfUnused(
        _ name: String,
        evenIfDown: Bool
    ) throws(DataplaneError) -> Bool {
        guard let link = try link(name), link.kind == Self.dummy else { return false }
        if link.isUp || evenIfDown {
            for family in IPFamily.allCases {
                let addresses = try addresses(family, of: link)
                if addresses.contains(where: \.isAssigned) { return false }
            }
        }
        var batch = NetlinkBatch()
        batch.beginLink(RTM_DELLINK, index: link.index)
        if let refusal = try transact(&batch).first, refusal.errno != ENODEV {
            throw .system("RTM_DELLINK", "link \(name)", refusal.errno)
        }
        return true
    }

    /// Removes addresses from a link, and returns the errors except for addresses that are gone already.
    package mutating func remove(
        _ addresses: [BoundAddress],
        from link: Link,
        _ name: String
    ) throws(DataplaneError) -> [DataplaneError] {
        var batch = NetlinkBatch(reserving: 48 * addresses.count)
        for bound in addresses {
            let family = bound.address.family
            batch.beginAddress(RTM_DELADDR, family, link: link.index, length: bound.length)
            batch.bareAddress(bound.address)
        }
        return try transact(&batch)
            .filter { ![EADDRNOTAVAIL, ENODEV, ENOENT].contains($0.errno) }
            .map {
                let subject = "address \(addresses[$0.index].address) on \(name)"
                return .system("RTM_DELADDR", subject, $0.errno, message: $0.message)
            }
    }
}
