package import Addressing
import CIPTables
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
import Netlink
import SystemCalls

/// An address on one of this host's interfaces.
package struct LocalAddress: Sendable, Hashable {
    package var address: IPAddress
    package var interface: String
    /// The interface is a loopback interface, whatever the address is.
    package var isLoopback: Bool

    package init(_ address: IPAddress, interface: String, isLoopback: Bool) {
        self.address = address
        self.interface = interface
        self.isLoopback = isLoopback
    }
}

/// The addresses on the interfaces of this thread's network namespace.
package enum LocalAddresses {
    /// Ordered by address, then by interface; interfaces that are down are included.
    package static func observe() throws(DataplaneError) -> [LocalAddress] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&list) == 0 else {
            throw .system("getifaddrs", "local addresses", errno)
        }
        defer { unsafe freeifaddrs(list) }
        var found: [LocalAddress] = []
        var next = unsafe list
        while let item = unsafe next {
            unsafe next = item.pointee.ifa_next
            guard let socket = unsafe item.pointee.ifa_addr,
                let address = unsafe SystemAddress.ip(socket)
            else { continue }
            let flags = unsafe item.pointee.ifa_flags
            found.append(
                LocalAddress(
                    address,
                    interface: unsafe String(cString: item.pointee.ifa_name),
                    isLoopback: flags & UInt32(IFF_LOOPBACK) != 0
                )
            )
        }
        return found.sorted { ($0.address, $0.interface) < ($1.address, $1.interface) }
    }
}

/// The same, read again only after a notification of changed addresses or interfaces: a node may have
/// thousands of addresses, most of them bound for Services.
package final class LocalAddressWatch {
    private var socket: NetlinkSocket?
    private var known: [LocalAddress] = []
    /// Something has changed since `known` was read.
    private var isStale = true

    private let read: () throws(DataplaneError) -> [LocalAddress]

    /// Listens to nothing yet. `read` is how to read the addresses.
    package init(
        read: @escaping () throws(DataplaneError) -> [LocalAddress] = LocalAddresses.observe
    ) {
        self.read = read
    }

    /// Can be read, or has an error, when the addresses may have changed, until the next call of
    /// `addresses`; nil while changes are not announced.
    package var descriptor: Int32? { Self.descriptor(of: socket) }

    /// The present addresses, in the network namespace of the thread of the first call.
    package func addresses() throws(DataplaneError) -> [LocalAddress] {
        let groups = [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR]
        if try Self.news(&socket, groups) { isStale = true }
        // A read that fails is tried again by the next call, which may get no further notification.
        if isStale {
            known = try read()
            isStale = false
        }
        return known
    }

    fileprivate static func descriptor(of socket: borrowing NetlinkSocket?) -> Int32? {
        switch socket {
        case .some(let socket): socket.descriptor
        case .none: nil
        }
    }

    /// Whether notifications of these groups have come since the last call, or were lost. The first call
    /// opens the socket and is true.
    fileprivate static func news(
        _ socket: inout NetlinkSocket?,
        _ groups: [rtnetlink_groups]
    ) throws(DataplaneError) -> Bool {
        guard socket != nil else {
            socket = try NetlinkSocket.listening(NETLINK_ROUTE, to: groups.map(\.rawValue))
            return true
        }
        var hasNews = false
        while try socket?.receiveNotifications({ _ in hasNews = true }) == false {
            hasNews = true
        }
        return hasNews
    }
}

/// The source addresses of this node's connections to the outside, looked up again only after a notification
/// of changed addresses, interfaces, routes or rules.
package final class PrimaryAddressWatch {
    private static let groups = [
        RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
        RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE,
    ]

    private var socket: NetlinkSocket?
    private var known: [IPAddress] = []
    /// Something has changed since `known` was looked up.
    private var isStale = true

    /// Listens to nothing yet.
    package init() {}

    /// As that of `LocalAddressWatch`.
    package var descriptor: Int32? { LocalAddressWatch.descriptor(of: socket) }

    /// The present addresses, one for each family that has a route, in the network namespace of the thread
    /// of the first call. Without notifications each call looks them up.
    ///
    /// - Throws: as `LocalAddresses.primary`; the next call tries again.
    package func addresses() throws(DataplaneError) -> [IPAddress] {
        if (try? LocalAddressWatch.news(&socket, Self.groups)) ?? true { isStale = true }
        if isStale {
            var found: [IPAddress] = []
            for family in IPFamily.allCases {
                if let address = try LocalAddresses.primary(family) { found.append(address) }
            }
            known = found
            isStale = false
        }
        return known
    }
}
