import Addressing
import DataplaneModel
import Testing

@Suite("Packed keys and values")
struct NFTValueTests {
    private func socket(_ text: String) throws -> SocketAddress {
        try #require(SocketAddress(parsing: text))
    }

    @Test("Fields come out as they went in, up to the longest key")
    func parts() throws {
        let socket = try socket("[fd00::1:2]:443")
        let range = try #require(IPPrefix("2001:db8:8000::/33"))
        let key = NFTValue(socket, .sctp).appending(range)
        #expect(
            key.parts([.address, .transport, .port, .address], .ipv6) == [
                .address(socket.address), .transport(132), .port(443), .range(range),
            ]
        )
        let small = NFTValue(0x1234_5678, 7)
        #expect(small.parts([.classID, .number], .ipv4) == [.classID(0x1234_5678), .number(7)])
        let node = try #require(PortNumber(30080))
        #expect(
            NFTValue(.udp, node).parts([.transport, .port], .ipv4) == [
                .transport(17), .port(30080),
            ]
        )
    }

    @Test("Keys are ordered field by field")
    func order() throws {
        let keys = try ["10.0.0.1:80", "10.0.0.1:443", "10.0.0.2:1", "192.168.0.1:1"].map {
            NFTValue(try socket($0))
        }
        #expect(keys.shuffled().sorted() == keys)
        let pairs = [NFTValue(1, 0), NFTValue(1, 2), NFTValue(2, 0), NFTValue(2, .max)]
        #expect(pairs.shuffled().sorted() == pairs)
        let wide = try ["[::1]:1", "[::1]:2", "[fd00::]:1"].map { NFTValue(try socket($0)) }
        #expect(wide.shuffled().sorted() == wide)
    }

    @Test(
        "A range holds its addresses and no others",
        arguments: ["10.0.0.0/8", "10.1.2.0/24", "0.0.0.0/0", "fd00::/64", "fd00:1::/32", "::/0"]
    )
    func ranges(_ text: String) throws {
        let prefix = try #require(IPPrefix(text))
        let port = try #require(PortNumber(80))
        let element = NFTValue(.tcp, port).appending(prefix)
        let width = prefix.family.bitWidth
        #expect(
            NFTValue(from: element.lowest, through: element.highest, width: width) == element
        )
        let lowest = NFTValue(.tcp, port).appending(prefix.address)
        #expect(element.lowest == lowest)
    }

    @Test("A range that is not a prefix is rejected")
    func noRanges() {
        func value(_ number: UInt32) -> NFTValue { NFTValue(IPAddress(ipv4: number)) }
        #expect(NFTValue(from: value(1), through: value(2), width: 32) == nil)
        #expect(NFTValue(from: value(0), through: value(2), width: 32) == nil)
        #expect(NFTValue(from: value(4), through: value(7), width: 32)?.freeBits == 2)
        #expect(NFTValue(from: value(4), through: value(4), width: 32) == value(4))
        let other = value(1).appending(IPAddress(ipv4: 3))
        let one = value(0).appending(IPAddress(ipv4: 0))
        #expect(NFTValue(from: one, through: other, width: 32) == nil)
    }
}
