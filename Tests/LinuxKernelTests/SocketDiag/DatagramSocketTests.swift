import Addressing
import Testing

@testable import Netlink
@testable import SocketDiag

@Suite("Messages about sockets")
struct DatagramSocketTests {
    /// `struct inet_diag_msg` of a connected UDP socket: family and state, ports, addresses, interface and
    /// cookie, then what is not read.
    private static func message(_ family: UInt8, peer: [UInt8]) -> [UInt8] {
        [family, 1, 0, 0] + [0xc0, 0, 0, 0x35] + [UInt8](repeating: 0, count: 16)
            + peer + [UInt8](repeating: 0, count: 16 - peer.count)
            + [0, 0, 0, 0] + [7, 0, 0, 0, 1, 0, 0, 0] + [UInt8](repeating: 0, count: 20)
    }

    private func socket(_ bytes: [UInt8], _ family: IPFamily) -> DatagramSocket? {
        let payload = NetlinkBytes(bytes, 0..<bytes.count)
        let message = NetlinkMessage(type: 20, flags: 2, sequence: 0, port: 0, payload: payload)
        return DatagramSocket(message, family)
    }

    private static let mapped = [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 10, 96, 0, 10]
    private static let local = [0xfd] + [UInt8](repeating: 0, count: 14) + [1]

    @Test(
        "A socket has a peer of its family, which for IPv4 may be in an IPv6 address",
        arguments: [
            (2, [10, 96, 0, 10], IPFamily.ipv4, "10.96.0.10:53"),
            (10, mapped, .ipv4, "10.96.0.10:53"), (10, local, .ipv6, "[fd00::1]:53"),
            (2, [10, 96, 0, 10], .ipv6, nil), (10, mapped, .ipv6, nil), (10, local, .ipv4, nil),
        ] as [(UInt8, [UInt8], IPFamily, String?)]
    )
    func peer(_ protocolFamily: UInt8, _ peer: [UInt8], _ family: IPFamily, _ expected: String?) {
        let bytes = Self.message(protocolFamily, peer: peer)
        let socket = socket(bytes, family)
        #expect(socket?.peer.description == expected)
        guard let socket else { return }
        #expect(socket.cookie == 1 << 32 | 7)
        #expect(socket.identity == Array(bytes[4..<52]))
    }

    @Test("A message that ends early is no socket, which would be ended by half of its identity")
    func early() {
        let bytes = Self.message(2, peer: [10, 96, 0, 10])
        for length in 0..<bytes.count {
            let socket = socket(Array(bytes.prefix(length)), .ipv4)
            #expect((socket != nil) == (length >= 52), "\(length)")
        }
    }
}
