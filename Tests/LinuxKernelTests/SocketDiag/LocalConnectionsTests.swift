import Addressing
import HostFacts
import Testing

@testable import Netlink
@testable import SocketDiag

@Suite("Connections within a namespace")
struct LocalConnectionsTests {
    private static let first: [UInt8] = [10, 96, 0, 10]
    private static let second: [UInt8] = [10, 96, 0, 11]
    private static let local = [0xfd] + [UInt8](repeating: 0, count: 14) + [1]

    private static func mapped(_ address: [UInt8]) -> [UInt8] {
        [UInt8](repeating: 0, count: 10) + [0xff, 0xff] + address
    }

    @Test(
        "An address is told that is at both ends, of its family",
        arguments: [
            (2, first, first, IPFamily.ipv4, "10.96.0.10"), (2, first, second, .ipv4, nil),
            (2, first, first, .ipv6, nil),
            (10, mapped(first), mapped(first), .ipv4, "10.96.0.10"),
            (10, mapped(first), mapped(second), .ipv4, nil),
            (10, mapped(first), mapped(first), .ipv6, nil),
            (10, local, local, .ipv6, "fd00::1"), (10, local, mapped(first), .ipv6, nil),
            (10, local, local, .ipv4, nil),
        ] as [(UInt8, [UInt8], [UInt8], IPFamily, String?)]
    )
    func ends(
        _ protocolFamily: UInt8,
        _ own: [UInt8],
        _ peer: [UInt8],
        _ family: IPFamily,
        _ expected: String?
    ) {
        // `struct inet_diag_msg` up to the addresses' end.
        func padded(_ address: [UInt8]) -> [UInt8] {
            address + [UInt8](repeating: 0, count: 16 - address.count)
        }
        let bytes = [protocolFamily, 1, 0, 0, 0xc0, 0, 0, 0x50] + padded(own) + padded(peer)
        func address(_ bytes: [UInt8]) -> IPAddress? {
            let payload = NetlinkBytes(bytes, 0..<bytes.count)
            let message = NetlinkMessage(
                type: 20,
                flags: 2,
                sequence: 0,
                port: 0,
                payload: payload
            )
            return LocalConnections.address(message, family)
        }
        #expect(address(bytes)?.description == expected)
        for length in 0..<bytes.count { #expect(address(Array(bytes.prefix(length))) == nil) }
    }

    @Test("The kernel tells of TCP connections while they are open, and of no listening socket")
    @KernelThread
    func kernel() throws {
        try NetworkNamespace.enterNew()
        try Program.check(["ip", "link", "set", "lo", "up"])
        for text in ["10.96.0.2", "10.96.0.3"] {
            try Program.check(["ip", "address", "add", "\(text)/32", "dev", "lo"])
        }
        let listener = try TCPListener(at: address("10.96.0.2", 80))
        let other = try TCPListener(at: address("10.96.0.3", 80))
        #expect(try LocalConnections.addresses(.ipv4).isEmpty)
        do {
            let client = try TCPConnection(to: address("10.96.0.2", 80))
            let accepted = try listener.accept()
            #expect(try LocalConnections.addresses(.ipv4) == [address("10.96.0.2", 80).address])
            #expect(try LocalConnections.addresses(.ipv6).isEmpty)
            _ = (client.send(1), accepted.receive())
        }
        #expect(try LocalConnections.addresses(.ipv4).isEmpty)
        _ = consume other
    }
}
