import Addressing
import CIPSet
import CNetlink
import DataplaneModel
import Glibc
import HostFacts
import Netlink

/// What the kernel is asked about sets, in the network namespace of the thread that opened it: by libipset,
/// and for entries, of which there are many, by packed messages.
struct IPSetConnection: ~Copyable {
    private let family: IPFamily
    private var session: IPSetSession
    private var socket: NetlinkSocket
    private let entriesPerMessage: Int

    /// - Throws: `.unsupported` if the kernel has no ipset.
    init(_ family: IPFamily, _ traffic: NetlinkTraffic) throws(DataplaneError) {
        let socket = try NetlinkSocket(NETLINK_NETFILTER, name: "nfnetlink", traffic)
        let session = IPSetSession()
        let failure = session.agree()
        if failure != 0 {
            throw Self.absence(session.error(.protocolVersion, failure, of: "ipset"))
        }
        self.family = family
        self.session = session
        self.socket = socket
        entriesPerMessage = traffic.entriesPerMessage
    }

    /// nfnetlink answers EINVAL for a subsystem that it does not have.
    private static func absence(_ error: DataplaneError) -> DataplaneError {
        guard error.errno == EINVAL || error.kind == .unsupported else { return error }
        let cure = Cure.missing("ip_set", "CONFIG_IP_SET")
        return error.explained(as: .unsupported, "the kernel has no ipset: \(cure)")
    }

    static func subject(_ name: String) -> String { "set \(name)" }

    // MARK: - Reading

    /// The headers of the sets for whose names `owns` is true, of either family.
    mutating func headers(owns: (String) -> Bool) throws(DataplaneError) -> [IPSetHeader] {
        let (names, failure) = session.names()
        if failure != 0 { throw error(.list, failure, of: "sets") }
        var found: [IPSetHeader] = []
        for name in names.map(String.init) where owns(name) {
            // Nil if it was destroyed meanwhile.
            if let header = try header(of: name) { found.append(header) }
        }
        return found
    }

    /// Nil if there is no such set.
    mutating func header(of name: String) throws(DataplaneError) -> IPSetHeader? {
        let (text, failure) = session.header(of: name)
        // The kernel answers a refused list twice, and libipset takes the second answer for that to its next
        // request.
        if failure != 0 { session = IPSetSession() }
        return switch failure {
        case 0: IPSetHeader(text)
        case ENOENT: nil
        // Another program made a set of that name of which libipset knows too little.
        case EPROTO: IPSetHeader(unreadable: name)
        default: throw error(.list, failure, of: Self.subject(name))
        }
    }

    /// A set with its entries; nil if there is no set of that name.
    mutating func set(_ header: IPSetHeader) throws(DataplaneError) -> IPSet? {
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
    /// - Throws: `.unsupported` if the kernel lacks the type.
    func require(_ kind: IPSetKind) throws(DataplaneError) {
        let failure = session.ask(for: kind, family)
        if failure == 0 { return }
        let refusal = error(.type, failure, of: "sets of type \(kind.rawValue)")
        guard refusal.kind == .unsupported else { throw refusal }
        let cure = Cure.loadModule(kind.module).command
        throw refusal.explained(as: .unsupported, "the kernel lacks them: \(cure)")
    }

    // MARK: - Changing

    /// Creates an empty set; returns 0 or the error number, EEXIST if there is one of that name.
    ///
    /// - Throws: `.unsupported` if the kernel lacks the type.
    func create(_ name: String, like set: IPSet) throws(DataplaneError) -> Int32 {
        let failure = session.create(name, like: set)
        if failure == Int32(IPSET_ERR_FIND_TYPE.rawValue) { try require(set.kind) }
        return failure
    }

    /// Swaps, renames or destroys; returns 0 or the error number.
    func perform(_ command: IPSetCommand, _ name: String, _ second: String? = nil) -> Int32 {
        session.perform(command, name, second)
    }

    /// A refused request; `kind` is known for refused entries.
    func error(
        _ command: IPSetCommand,
        _ errno: Int32,
        of subject: String,
        kind: IPSetKind? = nil
    ) -> DataplaneError {
        session.error(command, errno, of: subject, kind: kind)
    }

    /// Adds or deletes entries, many in a message; `marks` are those of added entries in a set with
    /// marks. Adding an existing entry sets its mark; deleting a missing one is fine.
    mutating func change(
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
    private mutating func repeatSingly(
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
