import Addressing
import DataplaneModel
import Testing

@testable import HostFacts
@testable import IPVS
@testable import Netlink

@Suite("IPVS messages")
struct IPVSCodecTests {
    private let frontend = VirtualServer.Key.frontend(address("10.96.0.10", 80), .tcp)

    @Test("IPVS_CMD_NEW_SERVICE, byte for byte")
    func newVirtualServer() throws {
        var server = VirtualServer(frontend, scheduler: SchedulerName("rr"))
        #expect(
            try message(.newVirtualServer(VirtualServerRecord(server, .fairlead)))
                == bytes(
                    """
                    68000000 2100 0100 00000000 00000000  01 01 0000
                    5400 0180
                      0600 0100 0200 0000
                      0600 0200 0600 0000
                      1400 0300 0a60000a 00000000 00000000 00000000
                      0600 0400 0050 0000
                      0700 0600 727200 00
                      0c00 0700 0000a0f1 fdffffff
                      0800 0800 00000000
                      0800 0900 ffffffff
                    """
                )
        )
        server.persistenceSeconds = 10800
        server.hashesSourcePort = true
        let record = VirtualServerRecord(server, .fairlead, goingAway: true)
        #expect(record.flags.rawValue == 0xf1a1_0011)
        server.scheduler = SchedulerName("mh")
        #expect(VirtualServerRecord(server, .fairlead).flags.rawValue == 0xf1a0_0019)
        #expect(record.timeout == 10800)
    }

    @Test("IPVS_CMD_NEW_DEST, byte for byte")
    func newRealServer() throws {
        let key = VirtualServer.Key.frontend(address("fd00:96::a", 53), .udp)
        let server = RealServer(address("fd00:10::5", 5353), forwarding: .tunnel, weight: 3)
        #expect(
            try message(.newRealServer(key, RealServerRecord(server)))
                == bytes(
                    """
                    84000000 2100 0100 00000000 00000000  05 01 0000
                    3000 0180
                      0600 0100 0a00 0000
                      0600 0200 1100 0000
                      1400 0300 fd000096 00000000 00000000 0000000a
                      0600 0400 0035 0000
                    4000 0280
                      1400 0100 fd000010 00000000 00000000 00000005
                      0600 0200 14e9 0000
                      0800 0300 02000000
                      0800 0400 03000000
                      0800 0500 00000000
                      0800 0600 00000000
                    """
                )
        )
    }

    @Test("A draining real server has weight 0 and its deadline as a threshold")
    func draining() throws {
        let server = RealServer(address("10.1.2.3", 8080), weight: 5)
        let deadline = DrainDeadline(seconds: 0x0102_0304)
        let record = RealServerRecord(draining: server, until: deadline)
        #expect(
            try message(.setRealServer(frontend, record)).suffix(32)
                == bytes(
                    """
                    0800 0300 00000000
                    0800 0400 00000000
                    0800 0500 04030281
                    0800 0600 00000000
                    """
                )
        )
        #expect(record.drainDeadline == deadline)
    }

    @Test("Only weight 0 with the high bit of the threshold is a drain")
    func noDrain() {
        var record = RealServerRecord(RealServer(address("10.1.2.3", 8080), weight: 0))
        #expect(record.drainDeadline == nil)
        record.upperThreshold = 0x7fff_ffff
        #expect(record.drainDeadline == nil)
        record.upperThreshold = 0x8000_0000
        #expect(record.drainDeadline == DrainDeadline(seconds: 0))
        record.weight = 1
        #expect(record.drainDeadline == nil)
    }

    @Test("Deletions hold identities only, and a mark stands alone")
    func deletions() throws {
        #expect(
            try message(.deleteVirtualServer(.mark(0x10000, .ipv4)))
                == bytes(
                    """
                    28000000 2100 0100 00000000 00000000  03 01 0000
                    1400 0180
                      0600 0100 0200 0000
                      0800 0500 00000100
                    """
                )
        )
        #expect(
            try message(.deleteRealServer(.mark(1, .ipv4), address("10.1.2.3", 8080)))
                == bytes(
                    """
                    48000000 2100 0100 00000000 00000000  07 01 0000
                    1400 0180
                      0600 0100 0200 0000
                      0800 0500 01000000
                    2000 0280
                      1400 0100 0a010203 00000000 00000000 00000000
                      0600 0200 1f90 0000
                    """
                )
        )
    }

    @Test("A real server of another family than its virtual server is named with its family")
    func mixedFamilies() throws {
        #expect(
            try message(.deleteRealServer(.mark(1, .ipv4), address("fd00:10::5", 8080))).suffix(40)
                == bytes(
                    """
                    2800 0280
                      0600 0b00 0a00 0000
                      1400 0100 fd000010 00000000 00000000 00000005
                      0600 0200 1f90 0000
                    """
                )
        )
    }

    @Test("Flags without our signature are foreign, whatever else is set")
    func ownership() {
        #expect(VirtualServerFlags(rawValue: 0xf1a0_0000).haveSignature(of: .fairlead))
        #expect(VirtualServerFlags(rawValue: 0xf1a1_0013).haveSignature(of: .fairlead))
        #expect(!VirtualServerFlags(rawValue: 0x0000_0003).haveSignature(of: .fairlead))
        #expect(!VirtualServerFlags(rawValue: 0xf1b0_0000).haveSignature(of: .fairlead))
        #expect(!VirtualServerFlags(rawValue: 0xffff_ffff).haveSignature(of: .fairlead))
    }

    @Test("What the kernel refuses is named, with what to do about a scheduler")
    func errors() {
        let server = VirtualServer(frontend, scheduler: SchedulerName("wrr"))
        let missing = IPVSRequest.newVirtualServer(VirtualServerRecord(server, .fairlead)).error(
            2,
            nil
        )
        #expect(missing.kind == .unsupported)
        #expect(missing.subject == "10.96.0.10:80/tcp")
        #expect(missing.message?.contains("modprobe ip_vs_wrr") == true)
        let real = RealServerRecord(RealServer(address("10.1.2.3", 8080)))
        let refused = IPVSRequest.newRealServer(frontend, real).error(22, nil)
        #expect(refused.kind == .invalid)
        #expect(refused.subject == "10.96.0.10:80/tcp → 10.1.2.3:8080")
        #expect(refused.operation == "IPVS_CMD_NEW_DEST")
    }

    @Test(
        "A kernel's version is read from its release",
        arguments: [
            ("6.1.0-13-amd64", KernelVersion(6, 1)), ("5.8-rc1", KernelVersion(5, 8)),
            ("4.19.0", KernelVersion(4, 19)), ("linux", nil),
        ]
    )
    func kernelVersion(_ release: String, _ version: KernelVersion?) {
        #expect(KernelVersion(release: release) == version)
    }

    @Test(
        "conn_reuse_mode is changed where 1 delays clients, and nowhere else",
        arguments: [
            (KernelVersion(4, 0), false), (KernelVersion(4, 1), true),
            (KernelVersion(5, 8), true), (KernelVersion(5, 9), false),
            (KernelVersion(6, 18), false),
        ]
    )
    func reuseMode(_ kernel: KernelVersion, _ expected: Bool) {
        let names = IPVSSysctls.wanted(strictARP: false, kernel: kernel).map(\.name)
        #expect(names.contains("net.ipv4.vs.conn_reuse_mode") == expected)
        #expect(!names.contains("net.ipv4.conf.all.arp_ignore"))
    }

    private func message(_ request: IPVSRequest) throws -> [UInt8] {
        var batch = NetlinkBatch()
        request.encode(into: &batch, family: 0x21)
        batch.close()
        return Array(batch.bytes)
    }
}

/// From hexadecimal digits with any blanks between them.
private func bytes(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
}
