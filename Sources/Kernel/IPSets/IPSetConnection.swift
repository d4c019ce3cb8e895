import Addressing
import CIPSet
import CNetlink
import DataplaneModel
import Glibc
import HostFacts
import Netlink

/// What the kernel is asked about sets, in the network namespace of the thread that opened it: by libipset,
/// and for entries, of which there are many, by packed messages.
final class IPSetConnection {
    private let family: IPFamily
    private(set) var session: IPSetSession
    private var socket: NetlinkSocket
    private let entriesPerMessage: Int

    /// - Throws: `.unsupported` if the kernel has no ipset, or none that libipset can talk to.
    init(_ family: IPFamily, _ traffic: NetlinkTraffic) throws(DataplaneError) {
        let socket = try NetlinkSocket(NETLINK_NETFILTER, name: "nfnetlink", traffic)
        let session = IPSetSession()
        if let failure = session.agree() { throw Self.disagreement(failure) }
        self.family = family
        self.session = session
        self.socket = socket
        entriesPerMessage = traffic.entriesPerMessage
    }

    /// Why libipset and the kernel did not agree on a version of the protocol.
    static func disagreement(_ failure: IPSetFailure) -> DataplaneError {
        let error = DataplaneError.ipset(.protocolVersion, "ipset", failure)
        // nfnetlink answers that for a subsystem that it does not have.
        if failure.isRefusal(EINVAL) {
            let cure = Cure.missing("ip_set", "CONFIG_IP_SET")
            return error.explained(as: .unsupported, "the kernel has no ipset: \(cure)")
        }
        // The kernel's versions are others than libipset's, as its text says.
        guard !failure.isRefusal, failure.errno == EPROTO else { return error }
        return error.explained(as: .unsupported, failure.explanation)
    }

    static func subject(_ name: String) -> String { "set \(name)" }

    // MARK: - Reading

    /// The headers of the sets for whose names `owns` is true, of either family.
    ///
    /// All are read at once, as looks at the sets come with each change. One by one only if there is a set,
    /// which may be foreign, of which libipset knows too little, or whose name has a line break.
    func headers(owns: (String) -> Bool) throws(DataplaneError) -> [IPSetHeader] {
        do throws(IPSetFailure) {
            if let all = IPSetHeader.all(in: try session.headers(), owns: owns) { return all }
        } catch {
            // The rest of the kernel's answer is still to come.
            session = IPSetSession()
        }
        return try headersOneByOne(owns: owns)
    }

    private func headersOneByOne(
        owns: (String) -> Bool
    ) throws(DataplaneError) -> [IPSetHeader] {
        let names: [Substring]
        do throws(IPSetFailure) {
            names = try session.names()
        } catch {
            throw .ipset(.list, "sets", error)
        }
        var found: [IPSetHeader] = []
        for name in names.map(String.init) where owns(name) {
            // Nil if it was destroyed meanwhile.
            if let header = try header(of: name) { found.append(header) }
        }
        return found
    }

    /// Nil if there is no such set.
    func header(of name: String) throws(DataplaneError) -> IPSetHeader? {
        do throws(IPSetFailure) {
            return IPSetHeader(try session.header(of: name))
        } catch {
            // The kernel answers a refused list twice, and libipset takes the second answer for that to its
            // next request.
            session = IPSetSession()
            if error.isRefusal(ENOENT) { return nil }
            // Another program made a set of that name of which libipset knows too little.
            if !error.isRefusal, session.knowsType(of: name) == false {
                return IPSetHeader(unreadable: name)
            }
            throw .ipset(.list, Self.subject(name), error)
        }
    }

    /// A set with its entries; nil if there is no set of that name.
    func set(_ header: IPSetHeader) throws(DataplaneError) -> IPSet? {
        var reader = IPSetReader(header, family: family)
        var batch = NetlinkBatch()
        batch.begin(.list, set: header.name, flags: UInt16(NLM_F_DUMP))
        do throws(DataplaneError) {
            for message in try socket.request(&batch) { reader.read(message) }
        } catch {
            if error.errno == ENOENT { return nil }
            throw self.error(.list, error.errno, of: Self.subject(header.name))
        }
        return reader.set
    }

    /// Checks that sets of a kind can be created.
    ///
    /// - Throws: `.unsupported` if the kernel lacks the type, or a revision of it that has all that is used.
    func require(_ kind: IPSetKind) throws(DataplaneError) {
        guard let failure = session.ask(for: kind, family) else { return }
        let error = DataplaneError.ipset(.type, "sets of type \(kind.rawValue)", failure)
        guard failure.isRefusal(IPSET_ERR_FIND_TYPE.rawValue) else { throw error }
        let cure = Cure.loadModule(kind.module).command
        throw error.explained(as: .unsupported, "the kernel lacks them: \(cure)")
    }

    // MARK: - Changing

    /// Creates an empty set; nil if that succeeds. The refusal is EEXIST if there is one of that name.
    ///
    /// - Throws: `.unsupported` if the kernel lacks the type, or a revision of it that has all that is used.
    func create(_ name: String, like set: IPSet) throws(DataplaneError) -> IPSetFailure? {
        guard let failure = checked(session.create(name, like: set)) else { return nil }
        if !failure.isRefusal || failure.isRefusal(IPSET_ERR_FIND_TYPE.rawValue) {
            try require(set.kind)
        }
        return failure
    }

    /// Swaps, renames or destroys; nil if that succeeds.
    func perform(
        _ command: IPSetCommand,
        _ name: String,
        _ second: String? = nil
    ) -> IPSetFailure? {
        checked(session.perform(command, name, second))
    }

    /// After a failure of libipset's own there may be an answer that it would take for that to its next
    /// request.
    private func checked(_ failure: IPSetFailure?) -> IPSetFailure? {
        if failure?.isRefusal == false { session = IPSetSession() }
        return failure
    }

    /// The kernel's refusal of a packed message; `kind` is known for refused entries.
    func error(
        _ command: IPSetCommand,
        _ errno: Int32,
        of subject: String,
        kind: IPSetKind? = nil
    ) -> DataplaneError {
        .ipset(command, subject, session.refusal(errno, command), kind: kind)
    }

    /// Adds or deletes entries, many in a message; `marks` are those of added entries in a set with
    /// marks. Adding an existing entry sets its mark; deleting a missing one is fine.
    func change(
        _ command: IPSetCommand,
        _ name: String,
        _ entries: [IPSetEntry],
        marks: [UInt32]?
    ) throws(DataplaneError) -> RefusedEntries {
        var refused = RefusedEntries(of: entries)
        var batch = NetlinkBatch(reserving: 64 * entries.count + 256)
        for first in stride(from: 0, to: entries.count, by: entriesPerMessage) {
            batch.begin(command, set: name)
            // The kernel refuses a list without a line number; 0 is fine.
            batch.attribute(IPSET_ATTR_LINENO, UInt32(0))
            let list = batch.openNested(IPSET_ATTR_ADT)
            for index in first..<min(first + entriesPerMessage, entries.count) {
                batch.append(entries[index], mark: marks?[index])
            }
            batch.closeNested(list)
        }
        var again: [Int] = []
        for refusal in try socket.transact(&batch) {
            refused.note(refusal.errno)
            let first = refusal.index * entriesPerMessage
            again += first..<min(first + entriesPerMessage, entries.count)
        }
        if refused.all == nil, !again.isEmpty {
            try repeatSingly(command, name, entries, marks: marks, again, &refused)
        }
        return refused
    }

    /// Sends the entries of refused messages again, each in its own message: the kernel stops at the
    /// first bad entry of a list, and this way each bad entry is found and all others are made.
    private func repeatSingly(
        _ command: IPSetCommand,
        _ name: String,
        _ entries: [IPSetEntry],
        marks: [UInt32]?,
        _ indexes: [Int],
        _ refused: inout RefusedEntries
    ) throws(DataplaneError) {
        var batch = NetlinkBatch(reserving: 160 * indexes.count)
        for index in indexes {
            batch.begin(command, set: name)
            batch.append(entries[index], mark: marks?[index])
        }
        for refusal in try socket.transact(&batch) {
            refused.note(refusal.errno)
            refused.entries.append((index: indexes[refusal.index], errno: refusal.errno))
        }
    }
}
