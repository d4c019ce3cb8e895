import CNetlink
import DataplaneModel
import Glibc
import HostFacts
import Testing

@testable import Netlink

@Suite("Generic netlink families")
@KernelThread
struct GenericNetlinkTests {
    private func socket() throws(DataplaneError) -> NetlinkSocket {
        try NetlinkSocket(NETLINK_GENERIC, name: "generic netlink")
    }

    @Test("A family has the kernel's number, and an absent one has none")
    func numbers() throws {
        var socket = try socket()
        #expect(try socket.genericFamily("nlctrl") == UInt16(GENL_ID_CTRL))
        #expect(try socket.genericFamily("no such family") == nil)
        #expect(socket.traffic.messages == 2)
    }

    @Test("A refusal for another reason is not an absent family")
    func refusal() throws {
        var socket = try socket()
        do throws(DataplaneError) {
            _ = try socket.genericFamily(String(repeating: "x", count: 500))
            Issue.record("no error")
        } catch {
            #expect(error.errno == EINVAL)
        }
    }

    @Test("An overrun socket is not an absent family")
    func overrun() throws {
        var socket = try socket()
        socket.handle.setReceiveBuffer(0)
        var batch = NetlinkBatch()
        for _ in 0..<100 {
            batch.begin(generic: UInt16(GENL_ID_CTRL), command: UInt8(CTRL_CMD_GETFAMILY))
            batch.attribute(CTRL_ATTR_FAMILY_NAME, "nlctrl")
        }
        batch.close()
        // The answers stay unread until they fill the buffer.
        try socket.send(batch.bytes, batch.count)
        do throws(DataplaneError) {
            _ = try socket.genericFamily("nlctrl")
            Issue.record("no error")
        } catch {
            #expect(error.errno == ENOBUFS)
        }
    }
}
