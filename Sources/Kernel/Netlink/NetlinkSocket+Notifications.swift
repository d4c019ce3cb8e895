import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

extension NetlinkSocket {
    /// A socket that receives the notifications of some groups, from here on.
    package static func listening(
        _ protocolNumber: Int32,
        to groups: [UInt32]
    ) throws(DataplaneError) -> NetlinkSocket {
        let subsystem = protocolNumber == NETLINK_ROUTE ? "rtnetlink" : "nfnetlink"
        let socket = try NetlinkSocket(protocolNumber, name: "\(subsystem) notifications")
        try socket.bind()
        for group in groups { try socket.listen(group, true) }
        return socket
    }

    /// Gives this socket its port number. The kernel sends a notification to all ports but one, and
    /// without a number, as port 0, the socket would miss those that exclude port 0.
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

    /// The socket's port number; 0 before it is bound or has sent anything.
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

    /// Joins a group of notifications, or leaves it.
    package func listen(_ group: UInt32, _ isListening: Bool) throws(DataplaneError) {
        var number = Int32(group)
        let option = isListening ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe setsockopt(file.number, SOL_NETLINK, Int32(option), &number, size) == 0 else {
            throw error(errno, nil)
        }
    }

    /// Hands over the notifications that have arrived, without waiting for more.
    ///
    /// False if the kernel dropped some because more came than the socket's buffer holds; those
    /// behind them are still to be received.
    package mutating func receiveNotifications(
        _ body: (NetlinkMessage) -> Void
    ) throws(DataplaneError) -> Bool {
        do throws(DataplaneError) {
            while let messages = try receive(flags: Int32(MSG_DONTWAIT)) {
                messages.forEach(body)
            }
            return true
        } catch {
            guard error.errno == ENOBUFS else { throw error }
            return false
        }
    }
}
