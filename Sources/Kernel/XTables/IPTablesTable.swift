import Addressing
import CIPTables
package import DataplaneModel
import Glibc
import HostFacts

/// One transaction on a legacy table: a private copy of all its rules, ours and foreign ones,
/// written back by `commit()`.
///
/// Must be used on the dataplane thread: libiptc keeps its last call in a process-wide static.
@safe
package struct IPTablesTable<Library: XTablesLibrary>: ~Copyable {
    let name: TableName
    private let handle: OpaquePointer
    private let codec = RuleCodec(family: Library.family)

    /// Reads the whole table. The corresponding C function is `iptc_init`.
    package init(_ name: TableName) throws(DataplaneError) {
        errno = 0
        guard let handle = unsafe Library.initialize(name.rawValue) else {
            throw Self.initError(name, errno)
        }
        self.name = name
        unsafe self.handle = handle
    }

    deinit {
        unsafe Library.free(handle)
    }

    /// Writes the table back as one transaction, if anything was changed; `.conflict` if its
    /// number of rules changed since it was read. The corresponding C function is `iptc_commit`.
    ///
    /// Counters of rules and policies stay, to within what is counted while this runs.
    consuming func commit() throws(DataplaneError) {
        var next = unsafe Library.firstChain(handle)
        while let chain = unsafe next {
            if unsafe Library.isBuiltin(chain, handle) {
                // Fails for no chain that libiptc itself calls built-in.
                _ = unsafe Library.keepPolicyCounts(chain, handle)
            }
            unsafe next = Library.nextChain(handle)
        }
        try check(unsafe Library.commit(handle), "commit", nil)
    }
}

// MARK: Reading

extension IPTablesTable {
    /// Names of all chains: built-in ones, then the others as the kernel has them.
    package func chainNames() -> (builtin: [String], own: [String]) {
        var builtin: [String] = []
        var own: [String] = []
        var next = unsafe Library.firstChain(handle)
        while let chain = unsafe next {
            let name = unsafe String(cString: chain)
            if unsafe Library.isBuiltin(chain, handle) {
                builtin.append(name)
            } else {
                own.append(name)
            }
            unsafe next = Library.nextChain(handle)
        }
        return (builtin, own)
    }

    package func hasChain(_ chain: ChainLabel) -> Bool {
        unsafe Library.isChain(chain.characters, handle)
    }

    /// Whether a built-in chain drops what none of its rules decides about.
    package func drops(_ chain: ChainLabel) -> Bool {
        guard let policy = unsafe Library.policy(chain.characters, handle) else { return false }
        return unsafe String(cString: policy) == "DROP"
    }

    /// The rules of a chain; good until the next change of that chain.
    package func rules(of chain: ChainLabel) -> [RuleReference] {
        var found: [RuleReference] = []
        var next = unsafe Library.firstRule(chain.characters, handle)
        while let rule = unsafe next {
            unsafe found.append(RuleReference(pointer: rule))
            unsafe next = Library.nextRule(rule, handle)
        }
        return found
    }

    /// The name of the target: a verdict, a chain, an extension, or nothing.
    package func targetName(of rule: RuleReference) -> String {
        guard let label = unsafe Library.target(rule.pointer, handle) else { return "" }
        return unsafe String(cString: label)
    }

    /// Copies a rule in the normal form in which it can be compared with an encoded one.
    package func read(_ rule: RuleReference, into entry: inout RuleEntry) {
        let offsets = codec.layout
        let size = unsafe rule.pointer.loadUnaligned(
            fromByteOffset: offsets.nextOffset,
            as: UInt16.self
        )
        // The kernel checked the entry's sizes, and libiptc holds that many bytes of it.
        let bytes = unsafe UnsafeRawBufferPointer(start: rule.pointer, count: Int(size))
        unsafe entry.replace(with: bytes.bytes)
        // An entry that is odd all the same stays as it is and equals nothing.
        _ = codec.normalize(&entry, label: targetName(of: rule))
    }
}

/// A rule inside libiptc's copy of a table.
@safe
package struct RuleReference {
    fileprivate let pointer: UnsafeRawPointer
}

/// A chain's name as C wants it.
package struct ChainLabel {
    let name: String
    fileprivate let characters: [CChar]

    package init(_ name: String) {
        self.name = name
        characters = Array(name.utf8CString)
    }

    init(_ name: ChainName) {
        self.init(name.text)
    }
}

// MARK: Changing

extension IPTablesTable {
    func append(_ entry: borrowing RuleEntry, to chain: ChainLabel) throws(DataplaneError) {
        let done = unsafe entry.bytes.withUnsafeBytes { bytes -> Int32 in
            guard let start = bytes.baseAddress else { return 0 }
            return unsafe Library.append(chain.characters, start, handle)
        }
        if done == 0 { throw failure("append_entry", chain) }
    }

    /// Before the rule that is number `index` now, the first being 0.
    func insert(
        _ entry: borrowing RuleEntry,
        into chain: ChainLabel,
        at index: Int
    ) throws(DataplaneError) {
        let done = unsafe entry.bytes.withUnsafeBytes { bytes -> Int32 in
            guard let start = bytes.baseAddress else { return 0 }
            return unsafe Library.insert(chain.characters, start, UInt32(index), handle)
        }
        if done == 0 { throw failure("insert_entry", chain) }
    }

    func deleteRule(at index: Int, of chain: ChainLabel) throws(DataplaneError) {
        let done = unsafe Library.delete(chain.characters, UInt32(index), handle)
        try check(done, "delete_num_entry", chain)
    }

    func flush(_ chain: ChainLabel) throws(DataplaneError) {
        try check(unsafe Library.flush(chain.characters, handle), "flush_entries", chain)
    }

    /// libiptc keeps chains sorted: in the order of names this costs least, as it then always adds
    /// at the end.
    func createChain(_ chain: ChainLabel) throws(DataplaneError) {
        try check(unsafe Library.createChain(chain.characters, handle), "create_chain", chain)
    }

    /// The chain must be empty; errno `EMLINK` if a rule still leads to it.
    func deleteChain(_ chain: ChainLabel) throws(DataplaneError) {
        try check(unsafe Library.deleteChain(chain.characters, handle), "delete_chain", chain)
    }
}

// MARK: Errors

extension IPTablesTable {
    private func check(
        _ done: Int32,
        _ function: String,
        _ chain: ChainLabel?
    ) throws(DataplaneError) {
        if done == 0 { throw failure(function, chain) }
    }

    private func failure(_ function: String, _ chain: ChainLabel?) -> DataplaneError {
        let number = errno
        var subject = Self.subject(name)
        if let chain { subject += "/\(chain.name)" }
        return DataplaneError(
            kind: DataplaneError.Kind(errno: number),
            operation: "\(Library.functionPrefix)_\(function)",
            subject: subject,
            errno: number,
            message: Self.message(number)
        )
    }

    static func subject(_ table: TableName) -> String {
        "\(Library.family.rawValue) \(table.rawValue)"
    }

    private static func message(_ number: Int32) -> String {
        // A constant of libiptc or of the C library.
        guard let text = unsafe Library.message(number) else {
            return DataplaneError.systemMessage(number)
        }
        return unsafe String(cString: text)
    }

    private static func initError(_ table: TableName, _ number: Int32) -> DataplaneError {
        var error = DataplaneError(
            kind: DataplaneError.Kind(errno: number),
            operation: "\(Library.functionPrefix)_init",
            subject: subject(table),
            errno: number,
            message: message(number)
        )
        if number == ENOENT || number == ENOPROTOOPT {
            error.kind = .unsupported
            error.message = LegacyTables.absence(table, Library.family)
        } else if number == EPERM {
            error.message = "this needs the capability CAP_NET_ADMIN and CAP_NET_RAW"
        }
        return error
    }
}
