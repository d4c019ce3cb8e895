import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
import Netlink

extension RoutingSocket {
    /// The kind of our link: it carries addresses and no packets.
    package static let dummy = "dummy"

    /// Our link, set up; made if there is none. Another link of that name is an error.
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
        return DataplaneError(
            kind: .other,
            operation: "RTM_GETLINK",
            subject: "link \(name)",
            errno: EEXIST,
            message: "it is \(kind) and no dummy link, so not ours and left alone: rename it"
        )
    }

    private mutating func createDummy(_ name: String) throws(DataplaneError) {
        var batch = NetlinkBatch()
        batch.beginLink(RTM_NEWLINK, flags: UInt16(NLM_F_CREATE | NLM_F_EXCL))
        batch.attribute(IFLA_IFNAME, name)
        let info = batch.openNested(IFLA_LINKINFO)
        batch.attribute(IFLA_INFO_KIND, Self.dummy)
        batch.closeNested(info)
        // A message of its own, since the kernel ignores this while it makes a link, and before the
        // link goes up, since then it gets its link-local address.
        batch.beginLink(RTM_NEWLINK)
        batch.attribute(IFLA_IFNAME, name)
        let families = batch.openNested(IFLA_AF_SPEC)
        let ipv6 = batch.openNested(AF_INET6)
        let mode = UInt8(IN6_ADDR_GEN_MODE_NONE.rawValue)
        batch.attribute(IFLA_INET6_ADDR_GEN_MODE, mode)
        batch.closeNested(ipv6)
        batch.closeNested(families)
        for refusal in try transact(&batch) where refusal.index == 0 {
            // EEXIST: somebody was faster, which is looked at next. The second message fails where
            // there is no IPv6, where there are no link-local addresses either.
            if refusal.errno == EEXIST { continue }
            var error = DataplaneError.system("RTM_NEWLINK", "link \(name)", refusal.errno)
            if error.kind == .unsupported {
                error.message =
                    "the kernel has no dummy links: \(Cure.loadModule("dummy").command), or bind ranges, not addresses"
            }
            throw error
        }
    }

    /// Removes our link unless an address of either family is on it that was put there; false if
    /// it stays, or is not ours.
    package mutating func removeDummyIfUnused(_ name: String) throws(DataplaneError) -> Bool {
        guard let link = try link(name), link.kind == Self.dummy else { return false }
        // What is on a link that is down is of no use to anybody.
        if link.isUp {
            let linkLocal = IPPrefix(
                IPAddress(family: .ipv6, bits: UInt128(0xfe80) << 112),
                length: 10
            )
            for family in IPFamily.allCases {
                let addresses = try addresses(family, of: link)
                guard addresses.allSatisfy({ linkLocal.contains($0.address) }) else { return false }
            }
        }
        return try remove(link, name)
    }

    /// Removes a link; it is fine if somebody else was faster.
    package mutating func remove(_ link: Link, _ name: String) throws(DataplaneError) -> Bool {
        var batch = NetlinkBatch()
        batch.beginLink(RTM_DELLINK, index: link.index)
        if let refusal = try transact(&batch).first, refusal.errno != ENODEV {
            throw .system("RTM_DELLINK", "link \(name)", refusal.errno)
        }
        return true
    }
}
