import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

extension NetlinkSocket {
    /// Takes a number by which others know this socket. Without one, as the kernel has it that a
    /// notification goes to all but one number, it would be left out as number 0.
    package func bind() throws(DataplaneError) {
        var address = sockaddr_nl()
        address.nl_family = sa_family_t(AF_NETLINK)
        let size = socklen_t(MemoryLayout<sockaddr_nl>.size)
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.bind(file.number, $0, size)
            }
        }
        guard result == 0 else { throw error(errno, nil) }
    }

    /// The number by which others know this socket; 0 before it is bound or has sent anything.
    package func port() throws(DataplaneError) -> UInt32 {
        var address = sockaddr_nl()
        var length = socklen_t(MemoryLayout<sockaddr_nl>.size)
        let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(file.number, $0, &length)
            }
        }
        guard result == 0 else { throw error(errno, nil) }
        return address.nl_pid
    }

    /// Begins to listen to a group of notifications, or ends it.
    package func listen(_ group: UInt32, _ isListening: Bool) throws(DataplaneError) {
        var number = Int32(group)
        let option = isListening ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe setsockopt(file.number, SOL_NETLINK, Int32(option), &number, size) == 0 else {
            throw error(errno, nil)
        }
    }

    /// Notifications that are there already; nil if none is. `ENOBUFS` if more came than the kernel
    /// keeps.
    package mutating func arrived() throws(DataplaneError) -> [NetlinkMessage]? {
        try receive(flags: Int32(MSG_DONTWAIT))
    }
}
