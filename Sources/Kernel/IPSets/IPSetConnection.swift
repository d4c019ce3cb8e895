import Addressing
import CNetlink
import DataplaneModel
import Glibc
import HostFacts
import Netlink

/// A socket for ipset, in the network namespace of the thread that opened it.
struct IPSetConnection: ~Copyable {
    private let family: IPFamily
    private var socket: NetlinkSocket
    private let entriesPerMessage: Int
    /// 7, or 6 on kernels before 4.20.
    private let version: UInt8
    private var revisions: [IPSetKind: UInt8] = [:]

    /// `newest` is the newest protocol version to use.
    ///
    /// - Throws: `.unsupported` if the kernel has no ipset.
    init(
        _ family: IPFamily,
        newest: UInt8 = UInt8(IPSET_PROTOCOL),
        _ traffic: NetlinkTraffic
    ) throws(DataplaneError) {
        var socket = try NetlinkSocket(NETLINK_NETFILTER, name: "nfnetlink", traffic)
        var batch = NetlinkBatch()
        batch.begin(.protocolVersion, set: nil, version: newest)
        let known: UInt8?
        do throws(DataplaneError) {
            known = try socket.request(&batch).first?.attributes.attribute(IPSET_ATTR_PROTOCOL)?
                .number(UInt8.self)
        } catch {
            throw Self.absence(error)
        }
        version = min(newest, known ?? UInt8(IPSET_PROTOCOL_MIN))
        self.family = family
        self.socket = socket
        entriesPerMessage = traffic.entriesPerMessage
    }

    /// nfnetlink answers EINVAL for a subsystem that it does not have.
    private static func absence(_ error: DataplaneError) -> DataplaneError {
        let refusal = DataplaneError.ipset(.protocolVersion, "ipset", error.errno)
        guard error.errno == EINVAL || error.kind == .unsupported else { return refusal }
        let cure = Cure.missing("ip_set", "CONFIG_IP_SET")
        return refusal.explained(as: .unsupported, "the kernel has no ipset: \(cure)")
    }

    static func subject(_ name: String) -> String { "set \(name)" }

    // MARK: - Reading

    /// The headers of all sets of the namespace, foreign ones included.
    mutating func headers() throws(DataplaneError) -> [IPSetHeader] {
        try list(nil, headersOnly: true).compactMap { IPSetHeader($0) }
    }

    /// Nil if there is no such set.
    mutating func header(of name: String) throws(DataplaneError) -> IPSetHeader? {
        try list(name, headersOnly: true).lazy.compactMap { IPSetHeader($0) }.first
    }

    /// A set with its entries; nil if there is no set of that name.
    mutating func set(_ name: String) throws(DataplaneError) -> IPSet? {
        var reader: IPSetReader?
        for message in try list(name, headersOnly: false) {
            if reader == nil, let header = IPSetHeader(message) {
                reader = IPSetReader(header, family: family)
            }
            reader?.read(message)
        }
        return reader?.set
    }

    /// No messages if there is no set of that name.
    private mutating func list(
        _ name: String?,
        headersOnly: Bool
    ) throws(DataplaneError) -> [NetlinkMessage] {
        var batch = NetlinkBatch()
        batch.begin(.list, set: name, version: version, flags: UInt16(NLM_F_DUMP))
        if headersOnly {
            let flags = UInt32(IPSET_FLAG_LIST_HEADER.rawValue)
            batch.attribute(batch.ordered(IPSET_ATTR_FLAGS), bigEndian: flags)
        }
        do throws(DataplaneError) {
            return try socket.request(&batch)
        } catch {
            if error.errno == ENOENT { return [] }
            throw .ipset(.list, name.map { Self.subject($0) } ?? "sets", error.errno)
        }
    }

    /// The revision for new sets: the oldest one with all that we use, which most programs can list,
    /// or the kernel's newest if that is older.
    ///
    /// - Throws: `.unsupported` if the kernel lacks the type.
    mutating func revision(of kind: IPSetKind) throws(DataplaneError) -> UInt8 {
        if let known = revisions[kind] { return known }
        var batch = NetlinkBatch()
        batch.begin(.type, set: nil, version: version)
        batch.attribute(IPSET_ATTR_TYPENAME, kind.rawValue)
        batch.attribute(IPSET_ATTR_FAMILY, kind.number(of: family))
        do throws(DataplaneError) {
            let newest = try socket.request(&batch).first?.attributes
                .attribute(IPSET_ATTR_REVISION)?.number(UInt8.self)
            let revision = min(newest ?? kind.revision, kind.revision)
            revisions[kind] = revision
            return revision
        } catch {
            let subject = "sets of type \(kind.rawValue)"
            let refusal = DataplaneError.ipset(.type, subject, error.errno)
            guard refusal.kind == .unsupported else { throw refusal }
            let cure = Cure.loadModule(kind.module).command
            throw refusal.explained(as: .unsupported, "the kernel lacks them: \(cure)")
        }
    }

    // MARK: - Changing

    /// Creates an empty set; returns 0 or the error number, EEXIST if there is one of that name.
    mutating func create(_ name: String, like set: IPSet) throws(DataplaneError) -> Int32 {
        let revision = try revision(of: set.kind)
        var batch = NetlinkBatch()
        let flags = UInt16(NLM_F_CREATE | NLM_F_EXCL)
        batch.begin(.create, set: name, version: version, flags: flags)
        batch.attribute(IPSET_ATTR_TYPENAME, set.kind.rawValue)
        batch.attribute(IPSET_ATTR_REVISION, revision)
        batch.attribute(IPSET_ATTR_FAMILY, set.kind.number(of: set.family))
        batch.appendOptions(of: set)
        return try perform(&batch)
    }

    /// Swaps, renames or destroys; returns 0 or the error number.
    mutating func perform(
        _ command: IPSetCommand,
        _ name: String,
        _ second: String? = nil
    ) throws(DataplaneError) -> Int32 {
        var batch = NetlinkBatch()
        batch.begin(command, set: name, version: version)
        if let second { batch.attribute(IPSET_ATTR_SETNAME2, second) }
        return try perform(&batch)
    }

    private mutating func perform(_ batch: inout NetlinkBatch) throws(DataplaneError) -> Int32 {
        try socket.transact(&batch).first?.errno ?? 0
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
            batch.begin(command, set: name, version: version)
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
            batch.begin(command, set: name, version: version)
            batch.append(entries[index], mark: marks?[index])
        }
        for refusal in try socket.transact(&batch) {
            refused.note(refusal.errno)
            refused.entries.append((index: indexes[refusal.index], errno: refusal.errno))
        }
    }
}
