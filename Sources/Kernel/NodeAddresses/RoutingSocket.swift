package import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
package import Netlink

/// A socket for links, addresses and routes, in the network namespace of the thread that opened it.
package struct RoutingSocket: ~Copyable {
    /// The properties of a network interface that matter here.
    package struct Link: Equatable {
        package var index: UInt32
        /// The kind of a virtual link, such as `dummy`; empty for others.
        package var kind: String
        var isUp: Bool
    }

    /// An address of a link, with its prefix length.
    package struct BoundAddress: Hashable {
        package var address: IPAddress
        package var length: Int

        init(_ address: IPAddress, length: Int) {
            self.address = address
            self.length = length
        }

        /// False for IPv6 link-local addresses, which the kernel gives a link by itself.
        package var isAssigned: Bool { address.family == .ipv4 || !address.isLinkLocal }
    }

    private var socket: NetlinkSocket

    package init(_ traffic: NetlinkTraffic) throws(DataplaneError) {
        socket = try NetlinkSocket(NETLINK_ROUTE, name: "rtnetlink", traffic)
        socket.askStrictly()
    }

    /// Sends all messages, and returns the refusals.
    package mutating func transact(
        _ batch: inout NetlinkBatch
    ) throws(DataplaneError) -> [NetlinkSocket.Refusal] {
        try socket.transact(&batch)
    }

    // MARK: - Reading

    /// Nil if there is no link of that name.
    package mutating func link(_ name: String) throws(DataplaneError) -> Link? {
        var batch = NetlinkBatch()
        batch.beginLink(RTM_GETLINK)
        batch.attribute(IFLA_IFNAME, name)
        let answers: [NetlinkMessage]
        do throws(DataplaneError) {
            answers = try socket.request(&batch)
        } catch {
            if error.errno == ENODEV { return nil }
            throw .system("RTM_GETLINK", "link \(name)", error.errno)
        }
        return answers.first.map { Self.link($0.payload) }
    }

    /// The link of an answer.
    static func link(_ payload: NetlinkBytes) -> Link {
        let info = payload.dropFirst(16).attribute(IFLA_LINKINFO)
        return Link(
            index: payload.number(UInt32.self, at: 4),
            kind: info?.attribute(IFLA_INFO_KIND)?.text ?? "",
            isUp: payload.number(UInt32.self, at: 8) & UInt32(IFF_UP) != 0
        )
    }

    /// The addresses of a link.
    package mutating func addresses(
        _ family: IPFamily,
        of link: Link
    ) throws(DataplaneError) -> [BoundAddress] {
        let messages = try dump("RTM_GETADDR") { batch in
            batch.beginAddress(
                RTM_GETADDR,
                family,
                link: link.index,
                flags: UInt16(NLM_F_DUMP)
            )
        }
        return messages.compactMap { Self.address($0.payload, family, of: link) }
    }

    /// The address of a message; nil if it is of another family or link.
    static func address(
        _ payload: NetlinkBytes,
        _ family: IPFamily,
        of link: Link
    ) -> BoundAddress? {
        guard payload.number(UInt8.self) == family.protocolFamily,
            payload.number(UInt32.self, at: 4) == link.index
        else { return nil }
        let attributes = payload.dropFirst(8)
        // Without a peer IPv4 has the address in the first, IPv6 in the second.
        let own = attributes.attribute(IFA_LOCAL) ?? attributes.attribute(IFA_ADDRESS)
        guard let own else { return nil }
        let address = IPAddress(family: family, bits: own.network(own.count))
        return BoundAddress(address, length: Int(payload.number(UInt8.self, at: 1)))
    }

    /// The addresses of a link that stand for themselves alone: /32 or /128.
    mutating func singleAddresses(
        _ family: IPFamily,
        of link: Link
    ) throws(DataplaneError) -> Set<IPAddress> {
        let all = try addresses(family, of: link)
        return Set(all.lazy.filter { $0.length == family.bitWidth }.map(\.address))
    }

    /// The ranges of our local routes.
    package mutating func localRanges(
        _ family: IPFamily,
        _ routeProtocol: UInt8
    ) throws(DataplaneError) -> [IPPrefix] {
        let messages = try dump("RTM_GETROUTE") { batch in
            batch.beginLocalRoute(
                RTM_GETROUTE,
                family,
                protocol: routeProtocol,
                flags: UInt16(NLM_F_DUMP)
            )
        }
        return messages.compactMap { Self.localRange($0.payload, family, routeProtocol) }
    }

    /// The range of a local route of that protocol; nil for any other route.
    static func localRange(
        _ payload: NetlinkBytes,
        _ family: IPFamily,
        _ routeProtocol: UInt8
    ) -> IPPrefix? {
        guard payload.number(UInt8.self) == family.protocolFamily,
            payload.number(UInt8.self, at: 4) == UInt8(RT_TABLE_LOCAL.rawValue),
            payload.number(UInt8.self, at: 5) == routeProtocol,
            payload.number(UInt8.self, at: 7) == UInt8(RTN_LOCAL),
            let destination = payload.dropFirst(12).attribute(RTA_DST.rawValue)
        else { return nil }
        let address = IPAddress(family: family, bits: destination.network(destination.count))
        return IPPrefix(address, length: Int(payload.number(UInt8.self, at: 1)))
    }

    /// Whether the kernel takes packets to an address for its own.
    mutating func isLocal(_ address: IPAddress) throws(DataplaneError) -> Bool {
        var batch = NetlinkBatch()
        batch.beginRouteLookup(address)
        do throws(DataplaneError) {
            let answers = try socket.request(&batch)
            return answers.first?.payload.number(UInt8.self, at: 7) == UInt8(RTN_LOCAL)
        } catch {
            // What the kernel says where there is no route, or one that refuses.
            guard [ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL].contains(error.errno) else {
                throw .system("RTM_GETROUTE", "\(address)", error.errno)
            }
            return false
        }
    }

    private mutating func dump(
        _ operation: String,
        _ request: (inout NetlinkBatch) -> Void
    ) throws(DataplaneError) -> [NetlinkMessage] {
        var batch = NetlinkBatch()
        request(&batch)
        do throws(DataplaneError) {
            return try socket.request(&batch, attempts: 8)
        } catch {
            // ENODEV: the link is gone; ENOENT: there is no such table yet.
            if error.errno == ENODEV || error.errno == ENOENT { return [] }
            throw .system(operation, "rtnetlink", error.errno)
        }
    }
}
