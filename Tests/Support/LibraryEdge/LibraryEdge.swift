import Addressing
import CNetlink
import DataplaneModel
import Glibc
import HostFacts
import IPSets
import Netlink
import XTables

/// All that is asked of libnl and libipset, with refusals, interrupted dumps and overrun sockets: to be
/// done again and again in search of leaks.
package struct LibraryEdge {
    /// Something went otherwise than it should.
    package struct Surprise: Error {
        package var what: String
        package var line: Int
    }

    /// `LOOPBACK_IFINDEX`
    private static let loopback: UInt32 = 1
    /// So many addresses that their dump takes several datagrams.
    private static let addressCount = 600

    private let store = IPSetStore(family: .ipv4) { $0.hasPrefix("EDGE-") }

    /// In a new network namespace, which the calling thread enters.
    ///
    /// - Throws: `DataplaneError` if it cannot be made.
    package init() throws {
        try NetworkNamespace.enterNew()
        try Self.expect(send(RTM_NEWADDR, 0..<Self.addressCount).isEmpty, "addresses")
    }

    /// - Throws: `Surprise`, or the error of a request that should have succeeded.
    package func pass() throws {
        try refusals()
        try interruptedDump()
        try abandonedDump()
        try overrun()
        try families()
        try sets()
    }

    private static func expect(_ isSo: Bool, _ what: String, line: Int = #line) throws(Surprise) {
        if !isSo { throw Surprise(what: what, line: line) }
    }

    private static func socket() throws(DataplaneError) -> NetlinkSocket {
        try NetlinkSocket(NETLINK_ROUTE, name: "rtnetlink")
    }

    private func send(
        _ type: some BinaryInteger,
        _ numbers: some Collection<Int>,
        on link: UInt32 = loopback
    ) throws(DataplaneError) -> [NetlinkSocket.Refusal] {
        var batch = NetlinkBatch()
        for number in numbers {
            let flags = type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0
            batch.begin(UInt16(type), flags: UInt16(flags))
            batch.append([IPFamily.ipv4.protocolFamily, 32, 0, 0])
            batch.append(link)
            batch.attribute(IFA_LOCAL, network: UInt128(0x0a00_0001 + number), width: 4)
        }
        var socket = try Self.socket()
        return try socket.transact(&batch)
    }

    /// A request for all addresses, of a range that is an error to ask for.
    private static func dump(length: UInt8 = 0) -> NetlinkBatch {
        var batch = NetlinkBatch()
        batch.begin(UInt16(RTM_GETADDR), flags: UInt16(NLM_F_DUMP))
        batch.append([IPFamily.ipv4.protocolFamily, length, 0, 0])
        batch.append(UInt32(0))
        return batch
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

    private func refusals() throws {
        let present = try send(RTM_NEWADDR, [1, 2, 3])
        try Self.expect(present.map(\.errno) == [EEXIST, EEXIST, EEXIST], "refusals")
        try Self.expect(present.map(\.index) == [0, 1, 2], "their messages")
        let noLink = try send(RTM_NEWADDR, [7], on: 99)
        try Self.expect(noLink.map(\.errno) == [ENODEV], "no link")
        var strict = try Self.socket()
        strict.askStrictly()
        var batch = Self.dump(length: 1)
        let error = Self.failure(of: &batch, &strict) { _ throws(DataplaneError) in }
        try Self.expect(error?.errno == EINVAL, "a refused dump")
        let words = error?.message ?? ""
        try Self.expect(words.contains("dump request"), "its explanation: \(words)")
    }

    private func interruptedDump() throws {
        var reader = try Self.socket()
        var batch = Self.dump()
        var answers = 0
        var changes: [NetlinkSocket.Refusal]?
        let error = Self.failure(of: &batch, &reader) { _ throws(DataplaneError) in
            answers += 1
            if answers == 1 { changes = try send(RTM_NEWADDR, [5000]) }
        }
        try Self.expect(changes?.isEmpty == true, "a change meanwhile")
        try Self.expect(error?.kind == .conflict, "an interrupted dump")
        // The socket can be used further on, and without a change the dump is whole.
        try Self.expect(send(RTM_DELADDR, [5000]).isEmpty, "the change undone")
        let whole = try reader.request(&batch)
        let addresses = whole.compactMap {
            $0.payload.dropFirst(8).attribute(IFA_LOCAL)?.network(4)
        }
        try Self.expect(Set(addresses).count == Self.addressCount, "a whole dump")
    }

    private func abandonedDump() throws {
        var reader = try Self.socket()
        var batch = Self.dump()
        let error = Self.failure(of: &batch, &reader) { _ throws(DataplaneError) in
            throw DataplaneError.system("test", "dump", ECANCELED)
        }
        try Self.expect(error?.errno == ECANCELED, "an abandoned dump")
    }

    private func overrun() throws {
        let listener = try NetlinkSocket.listening(
            NETLINK_ROUTE,
            to: [RTNLGRP_IPV4_IFADDR.rawValue],
            receiveBuffer: 0
        )
        try Self.expect(send(RTM_NEWADDR, 6000..<6030).isEmpty, "addresses come")
        try Self.expect(send(RTM_DELADDR, 6000..<6030).isEmpty, "addresses go")
        var (heard, losses) = (0, 0)
        while try !listener.receiveNotifications({ _ in heard += 1 }) { losses += 1 }
        try Self.expect(losses == 1, "lost notifications: \(losses)")
        try Self.expect((1..<60).contains(heard), "notifications: \(heard)")
    }

    private func families() throws {
        var socket = try NetlinkSocket(NETLINK_GENERIC, name: "generic netlink")
        try Self.expect(socket.genericFamily("nlctrl") == UInt16(GENL_ID_CTRL), "nlctrl")
        try Self.expect(socket.genericFamily("no such family") == nil, "no such family")
        var refusal: DataplaneError?
        do throws(DataplaneError) {
            _ = try socket.genericFamily(String(repeating: "x", count: 500))
        } catch {
            refusal = error
        }
        try Self.expect(refusal?.errno == EINVAL, "a family with a long name")
    }

    private func sets() throws {
        let set = Self.set("EDGE-A", 20)
        try Self.expect(store.make([.create(set)]).failures.isEmpty, "a set")
        try Self.expect(store.make([.create(set)]).failures.isEmpty, "a set in place of one")
        try Self.expect(store.observe() == [set.name: set], "the set as made")
        try Self.expect(store.indexes()[set.name] != nil, "its number")
        var full = Self.set("EDGE-A", 500)
        full.capacity = 64
        try Self.expect(store.make([.replace(full)]).failures.count == 1, "too many entries")
        var bad = Self.set("EDGE-B", 3)
        bad.entries[.address(IPAddress(ipv4: 0))] = 0
        try Self.expect(store.make([.create(bad)]).failures.count == 1, "a bad entry")
        let ports = IPSet(set.name, kind: .port, family: .ipv4)
        try Self.expect(store.make([.replace(ports)]).failures.isEmpty, "another type")
        let missing = store.failures(of: [.replace(Self.set("EDGE-C", 0)), .destroy(bad)])
        try Self.expect(missing.isEmpty, "destroying")
        let gone = IPSetChange.changes(from: [bad.name: Self.set("EDGE-B", 1)], to: [bad.name: bad])
        try Self.expect(!store.failures(of: gone).isEmpty, "an update of no set")
        try Self.expect(store.removeEverything().failures.isEmpty, "removing all")
    }

    private static func set(_ name: String, _ count: UInt32) -> IPSet {
        var entries: [IPSetEntry: UInt32] = [:]
        for number in 0..<count { entries[.address(IPAddress(ipv4: 0x0a00_0001 + number))] = 0 }
        return IPSet(IPSetName(name), kind: .address, family: .ipv4, entries: entries)
    }
}

extension IPSetStore {
    /// Of both stages.
    fileprivate func failures(of changes: [IPSetChange]) -> [DataplaneError] {
        do throws(DataplaneError) {
            return try make(changes).failures + remove(changes).failures
        } catch {
            return [error]
        }
    }
}
