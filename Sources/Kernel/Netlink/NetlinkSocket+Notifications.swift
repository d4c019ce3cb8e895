import CNetlink
package import DataplaneModel
import Glibc

extension NetlinkSocket {
    /// A socket that receives the notifications of some groups, from here on; `receiveBuffer` is how many
    /// bytes of them wait to be received before the kernel drops some.
    package static func listening(
        _ protocolNumber: Int32,
        to groups: [UInt32],
        receiveBuffer: Int32 = 4 << 20
    ) throws(DataplaneError) -> NetlinkSocket {
        let subsystem = protocolNumber == NETLINK_ROUTE ? "rtnetlink" : "nfnetlink"
        let socket = try NetlinkSocket(protocolNumber, name: "\(subsystem) notifications")
        socket.handle.setReceiveBuffer(receiveBuffer)
        for group in groups { try socket.listen(group, true) }
        return socket
    }

    /// The port number, by which notifications name the program that made a change.
    package var port: UInt32 { handle.port }

    /// To wait for notifications, together with other descriptors.
    package var descriptor: Int32 { handle.descriptor }

    /// Joins a group of notifications, or leaves it.
    ///
    /// - Throws: the kernel's refusal.
    package func listen(_ group: UInt32, _ isListening: Bool) throws(DataplaneError) {
        try handle.listen(group, isListening)
    }

    /// Hands over the notifications that have arrived, without waiting for more.
    ///
    /// False if the kernel dropped some because more came than the socket's buffer holds; those
    /// behind them are still to be received.
    package func receiveNotifications(
        _ body: (NetlinkMessage) -> Void
    ) throws(DataplaneError) -> Bool {
        do throws(DataplaneError) {
            while let messages = try handle.receive(isWaiting: false) {
                messages.forEach(body)
            }
            return true
        } catch {
            guard error.errno == ENOBUFS else { throw error }
            return false
        }
    }
}
