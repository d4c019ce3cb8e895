import Addressing
import DataplaneModel
import Glibc
import Testing

@testable import HostFacts
@testable import IPSets
@testable import Netlink
@testable import XTables

/// All that is asked of libnl and libipset, again and again: `scripts/memcheck` runs this under valgrind.
@Suite("The edge to libnl and libipset")
@KernelThread
struct LibraryEdgeTests {
    // What the kernel's headers define; the tests have no module of them.
    /// `RTM_NEWADDR`, `RTM_DELADDR`, `RTM_GETADDR`
    private static let (newAddress, deleteAddress, getAddress) = (
        UInt16(20), UInt16(21), UInt16(22)
    )
    /// `NETLINK_ROUTE`
    private static let routes: Int32 = 0
    /// `NETLINK_GENERIC`
    private static let genericNetlink: Int32 = 16
    /// `LOOPBACK_IFINDEX`
    private static let loopback: UInt32 = 1
    /// `NLM_F_CREATE | NLM_F_EXCL`, and `NLM_F_DUMP`.
    private static let (isNew, isDump) = (UInt16(0x600), UInt16(0x300))
    /// So many addresses that their dump takes several datagrams.
    private static let addressCount = 600

    @Test("Refusals, interrupted dumps and overrun sockets end as errors")
    func passes() throws {
        let text = getenv("FAIRLEAD_PASSES").map { String(cString: $0) }
        let count = text.flatMap { Int($0) } ?? 5
        try NetworkNamespace.enterNew()
        var socket = try NetlinkSocket(Self.routes, name: "rtnetlink")
        let numbers = 0..<Self.addressCount
        #expect(try Self.send(&socket, Self.newAddress, numbers).isEmpty)
        for _ in 0..<count {
            try refusals(&socket)
            try interruptedDump(&socket)
            try abandonedDump()
            try overrun(&socket)
            try families()
            try sets()
        }
    }

    private static func send(
        _ socket: inout NetlinkSocket,
        _ type: UInt16,
        _ numbers: some Collection<Int>,
        on link: UInt32 = loopback
    ) throws -> [NetlinkSocket.Refusal] {
        var batch = NetlinkBatch()
        for number in numbers {
            batch.begin(type, flags: type == newAddress ? isNew : 0)
            batch.append([IPFamily.ipv4.protocolFamily, 32, 0, 0])
            batch.append(link)
            // IFA_LOCAL
            batch.attribute(2, network: UInt128(0x0a00_0001 + number), width: 4)
        }
        return try socket.transact(&batch)
    }

    private func refusals(_ socket: inout NetlinkSocket) throws {
        let present = try Self.send(&socket, Self.newAddress, [1, 2, 3])
        #expect(present.map(\.errno) == [EEXIST, EEXIST, EEXIST])
        #expect(present.map(\.index) == [0, 1, 2])
        let noLink = try Self.send(&socket, Self.newAddress, [7], on: 99)
        #expect(noLink.map(\.errno) == [ENODEV])
        // The kernel explains in words that an attribute is missing.
        var batch = NetlinkBatch()
        batch.begin(Self.getAddress, flags: Self.isDump)
        batch.append([IPFamily.ipv4.protocolFamily, 1, 0, 0])
        batch.append(UInt32(0))
        var strict = try NetlinkSocket(Self.routes, name: "rtnetlink")
        strict.askStrictly()
        let error = Self.failure(of: &batch, &strict) { _ throws(DataplaneError) in }
        #expect(error?.errno == EINVAL)
        #expect(error?.message?.contains("dump request") == true)
    }

    private static func failure(
        of batch: inout NetlinkBatch,
        _ socket: inout NetlinkSocket,
        _ body: (NetlinkMessage) throws(DataplaneError) -> Void
    ) -> DataplaneError? {
        do throws(DataplaneError) {
            try socket.request(&batch, body)
            return nil
        } catch {
            return error
        }
    }

    private static func dump() -> NetlinkBatch {
        var batch = NetlinkBatch()
        batch.begin(getAddress, flags: isDump)
        batch.append([IPFamily.ipv4.protocolFamily, 0, 0, 0])
        batch.append(UInt32(0))
        return batch
    }

    private func interruptedDump(_ socket: inout NetlinkSocket) throws {
        var reader = try NetlinkSocket(Self.routes, name: "rtnetlink")
        var batch = Self.dump()
        var answers = 0
        var changes: [NetlinkSocket.Refusal]?
        let error = Self.failure(of: &batch, &reader) { _ throws(DataplaneError) in
            answers += 1
            if answers == 1 { changes = try? Self.send(&socket, Self.newAddress, [5000]) }
        }
        #expect(changes?.isEmpty == true)
        #expect(error?.kind == .conflict)
        // The socket can be used further on, and without a change the dump is whole.
        let removed = try Self.send(&socket, Self.deleteAddress, [5000])
        #expect(removed.isEmpty)
        let whole = try reader.request(&batch)
        #expect(whole.count == Self.addressCount)
        let addresses = whole.compactMap { $0.payload.dropFirst(8).attribute(2)?.network(4) }
        #expect(Set(addresses).count == Self.addressCount)
    }

    private func abandonedDump() throws {
        var reader = try NetlinkSocket(Self.routes, name: "rtnetlink")
        var batch = Self.dump()
        let error = Self.failure(of: &batch, &reader) { _ throws(DataplaneError) in
            throw DataplaneError.system("test", "dump", ECANCELED)
        }
        #expect(error?.errno == ECANCELED)
    }

    private func overrun(_ socket: inout NetlinkSocket) throws {
        // RTNLGRP_IPV4_IFADDR
        let listener = try NetlinkSocket.listening(Self.routes, to: [5])
        listener.handle.set(SOL_SOCKET, SO_RCVBUF, 1)
        let numbers = 6000..<6030
        #expect(try Self.send(&socket, Self.newAddress, numbers).isEmpty)
        #expect(try Self.send(&socket, Self.deleteAddress, numbers).isEmpty)
        var heard = 0
        var losses = 0
        while try !listener.receiveNotifications({ _ in heard += 1 }) { losses += 1 }
        #expect(losses == 1)
        #expect((1..<60).contains(heard))
    }

    private func families() throws {
        let socket = try NetlinkSocket(Self.genericNetlink, name: "generic netlink")
        #expect(socket.genericFamily("nlctrl") == 16)
        #expect(socket.genericFamily("no such family") == nil)
        #expect(socket.genericFamily(String(repeating: "x", count: 500)) == nil)
    }

    private func sets() throws {
        let store = IPSetStore(family: .ipv4, owns: SetCatalogue.owns)
        let catalogue = SetCatalogue(family: .ipv4)
        var set = catalogue.set(.frontend, count: 20, marks: true)
        set.capacity = 64
        #expect(try store.make([.create(set)]).failures.isEmpty)
        #expect(try store.make([.create(set)]).failures.isEmpty)
        #expect(try store.observe() == [set.name: set])
        #expect(try store.indexes()[set.name] != nil)
        var tooLarge = catalogue.set(.frontend, count: 500, marks: true)
        tooLarge.capacity = 64
        #expect(try store.make([.replace(tooLarge)]).failures.count == 1)
        var other = catalogue.set(.address, count: 3)
        other.entries[.address(IPAddress(ipv4: 0))] = 0
        #expect(try store.make([.create(other)]).failures.count == 1)
        var connection = try IPSetConnection(.ipv4, NetlinkTraffic())
        #expect(try connection.header(of: "NONE") == nil)
        #expect(connection.perform(.destroy, "NONE") == ENOENT)
        #expect(connection.perform(.swap, set.name.text, other.name.text) == 4102)
        #expect(try store.removeEverything() == ApplyReport(operations: 2))
    }
}
