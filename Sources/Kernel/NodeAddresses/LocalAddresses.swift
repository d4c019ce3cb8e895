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

    /// The present addresses, in the network namespace of the thread of the first call.
    package func addresses() throws(DataplaneError) -> [LocalAddress] {
        try listen()
        if isStale {
            known = try read()
            isStale = false
        }
        return known
    }

    /// Marks what is known as stale if there are notifications. A read that fails is tried again by the
    /// next call, which may get no further notification.
    private func listen() throws(DataplaneError) {
        if socket == nil {
            let groups = [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR]
            socket = try NetlinkSocket.listening(NETLINK_ROUTE, to: groups.map(\.rawValue))
        }
        while try socket?.receiveNotifications({ _ in isStale = true }) == false {
            isStale = true
        }
    }
}
