import Addressing
import DataplaneModel
import Testing

@testable import Conntrack
@testable import Netlink

@Suite("Conntrack messages")
struct ConntrackCodecTests {
    /// An entry as the kernel tells it: `IPCTNL_MSG_CT_NEW`, a client of 10.96.0.10:53 to which
    /// 10.180.0.11:5353 answers.
    private static let entry = """
        0000 0000  0001 0200 00000000 00000000  02 00 0000
        3400 0180
          1400 0180  0800 0100 0a000001  0800 0200 0a60000a
          1c00 0280  0500 0100 11 000000  0600 0200 03e8 0000  0600 0300 0035 0000
        3400 0280
          1400 0180  0800 0100 0ab4000b  0800 0200 0a000001
          1c00 0280  0500 0100 11 000000  0600 0200 14e9 0000  0600 0300 03e8 0000
        0800 0c00 12345678
        0800 0300 00000008
        """

    @Test("Asking for UDP entries, byte for byte")
    func dump() {
        var batch = NetlinkBatch()
        batch.dumpUDP(.ipv4, filtered: true)
        batch.close()
        #expect(
            Array(batch.bytes)
                == bytes(
                    """
                    30000000 0101 0103 00000000 00000000  02 00 0000
                    1000 0180
                      0c00 0280  0500 0100 11 000000
                    0c00 1980
                      0800 0100 08000000
                    """
                )
        )
        var whole = NetlinkBatch()
        whole.dumpUDP(.ipv6, filtered: false)
        whole.close()
        #expect(
            Array(whole.bytes) == bytes("14000000 0101 0103 00000000 00000000  0a 00 0000")
        )
    }

    @Test("Deleting an entry by its tuple and number, byte for byte")
    func delete() throws {
        let entry = try #require(self.entry(bytes(Self.entry)))
        var batch = NetlinkBatch()
        batch.delete(entry, .ipv4)
        batch.close()
        #expect(
            Array(batch.bytes)
                == bytes(
                    """
                    50000000 0201 0100 00000000 00000000  02 00 0000
                    3400 0180
                      1400 0180  0800 0100 0a000001  0800 0200 0a60000a
                      1c00 0280  0500 0100 11 000000  0600 0200 03e8 0000  0600 0300 0035 0000
                    0800 0c00 12345678
                    """
                )
        )
    }

    @Test("Reading an entry")
    func read() throws {
        let entry = try #require(self.entry(bytes(Self.entry)))
        #expect(entry.flow.destination == address("10.96.0.10", 53))
        #expect(entry.flow.responder == address("10.180.0.11", 5353))
    }

    @Test("Entries of other protocols, families and zones are nothing, nor is half an entry")
    func others() {
        let whole = bytes(Self.entry)
        var tcp = whole
        for index in tcp.indices where tcp[index] == 0x11 { tcp[index] = 6 }
        #expect(entry(tcp) == nil)
        #expect(entry(whole, .ipv6) == nil)
        #expect(entry(whole + bytes("0600 1200 0007 0000")) == nil)
        #expect(entry(whole + bytes("0600 1200 0000 0000")) != nil)
        for count in 20..<(whole.count - 8) { _ = entry(Array(whole[..<count])) }
        #expect(entry(Array(whole[..<76])) == nil)
    }

    @Test("kube-proxy's arithmetic of the table's size")
    func maximum() {
        func maximum(_ perCore: Int, _ minimum: Int, cores: Int) -> Int? {
            ConntrackSettings(maximumPerCore: perCore, minimum: minimum).maximum(cores: cores)
        }
        #expect(maximum(0, 131072, cores: 4) == nil)
        #expect(maximum(32768, 131072, cores: 2) == 131072)
        #expect(maximum(32768, 131072, cores: 8) == 262144)
        #expect(maximum(32768, 131072, cores: 64) == 1 << 20)
        #expect(maximum(.max, 0, cores: 64) == 1 << 20)
        #expect(maximum(1024, 2 << 20, cores: 1) == 2 << 20)
    }

    @Test("Timeouts are set in seconds, and what is zero or off is left alone")
    func parameters() {
        #expect(ConntrackSettings().parameters(cores: 4).isEmpty)
        let settings = ConntrackSettings(
            maximumPerCore: 1000,
            tcpEstablishedTimeout: .seconds(86400),
            tcpCloseWaitTimeout: .seconds(3600),
            tcpIsLiberal: true,
            udpTimeout: .milliseconds(300),
            udpStreamTimeout: .seconds(120)
        )
        let lines = settings.parameters(cores: 4).map { "\($0.name)=\($0.value)" }
        #expect(
            lines == [
                "nf_conntrack_max=4000", "nf_conntrack_tcp_timeout_established=86400",
                "nf_conntrack_tcp_timeout_close_wait=3600", "nf_conntrack_udp_timeout=1",
                "nf_conntrack_udp_timeout_stream=120", "nf_conntrack_tcp_be_liberal=1",
            ]
        )
    }

    private func entry(_ message: [UInt8], _ family: IPFamily = .ipv4) -> ConntrackEntry? {
        ConntrackEntry(
            NetlinkMessage(
                type: 0x0100,
                flags: 2,
                sequence: 0,
                port: 0,
                payload: NetlinkBytes(message, 16..<message.count)
            ),
            family
        )
    }

    private func bytes(_ text: String) -> [UInt8] {
        let digits = text.filter { !$0.isWhitespace }.map { UInt8($0.hexDigitValue ?? 0) }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
