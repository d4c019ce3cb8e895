package import Addressing
import CIPTables
package import DataplaneModel
import Glibc
import HostFacts

/// One transaction on a legacy table: a private copy of all its rules, foreign ones included, that
/// `commit()` writes back.
///
/// Must be used on the dataplane thread: libiptc keeps its last call in a process-wide static.
@safe
package struct IPTablesTable: ~Copyable {
    let name: TableName
    package let family: IPFamily
    private let isIPv6: Bool
    private let handle: OpaquePointer
    private let codec: RuleCodec

    /// Reads the whole table. The corresponding C function is `iptc_init`.
    ///
    /// - Throws: `.unsupported` if the kernel lacks the table; `.notPermitted` without CAP_NET_ADMIN.
    package init(_ name: TableName, _ family: IPFamily) throws(DataplaneError) {
        let isIPv6 = family == .ipv6
        var handle: OpaquePointer?
        let failure = FirstUse.attempt {
            errno = 0
            unsafe handle = xtables_init(isIPv6, name.rawValue)
            return unsafe handle == nil ? errno : 0
        }
        guard let handle = unsafe handle else { throw Self.initError(name, family, failure) }
        self.isIPv6 = isIPv6
        self.name = name
        self.family = family
        codec = RuleCodec(family: family)
        unsafe self.handle = handle
    }

    deinit {
        unsafe xtables_free(isIPv6, handle)
    }

    /// Writes the table back as one transaction, if anything was changed. The corresponding C function
    /// is `iptc_commit`.
    ///
    /// Counters of rules and policies stay, except for what is counted while this runs.
    ///
    /// - Throws: `.conflict` if the number of rules changed since the table was read; else the kernel's
    ///   refusal, which names neither chain nor rule.
    consuming func commit() throws(DataplaneError) {
        var next = unsafe xtables_first_chain(isIPv6, handle)
        while let chain = unsafe next {
            // libiptc would set the counters of a policy to zero.
            var counters = xt_counters()
            if unsafe xtables_builtin(isIPv6, chain, handle) != 0,
                let policy = unsafe xtables_get_policy(isIPv6, chain, &counters, handle)
            {
                // Never fails for a built-in chain.
                _ = unsafe xtables_set_policy(isIPv6, chain, policy, &counters, handle)
            }
            unsafe next = xtables_next_chain(isIPv6, handle)
        }
        try check(unsafe xtables_commit(isIPv6, handle), "commit", nil)
    }
}

// MARK: Reading

extension IPTablesTable {
    /// The names of all chains: the built-in ones, and the others in the kernel's order.
    package func chainNames() -> (builtin: [String], own: [String]) {
        var builtin: [String] = []
        var own: [String] = []
        var next = unsafe xtables_first_chain(isIPv6, handle)
        while let chain = unsafe next {
            let name = unsafe String(cString: chain)
            if unsafe xtables_builtin(isIPv6, chain, handle) != 0 {
                builtin.append(name)
            } else {
                own.append(name)
            }
            unsafe next = xtables_next_chain(isIPv6, handle)
        }
        return (builtin, own)
    }

    package func hasChain(_ chain: ChainLabel) -> Bool {
        unsafe xtables_is_chain(isIPv6, chain.characters, handle) != 0
    }

    /// Whether the policy of a built-in chain is DROP.
    package func drops(_ chain: ChainLabel) -> Bool {
        var counters = xt_counters()
        let policy = unsafe xtables_get_policy(isIPv6, chain.characters, &counters, handle)
        guard let policy = unsafe policy else { return false }
        return unsafe String(cString: policy) == "DROP"
    }

    /// The rules of a chain; valid until the next change of that chain.
    package func rules(of chain: ChainLabel) -> [RuleReference] {
        var found: [RuleReference] = []
        var next = unsafe xtables_first_rule(isIPv6, chain.characters, handle)
        while let rule = unsafe next {
            unsafe found.append(RuleReference(pointer: rule))
            unsafe next = xtables_next_rule(isIPv6, rule, handle)
        }
        return found
    }

    /// The name of the target: a verdict, a chain or an extension; empty if there is no target.
    package func targetName(of rule: RuleReference) -> String {
        guard let label = unsafe xtables_get_target(isIPv6, rule.pointer, handle) else { return "" }
        return unsafe String(cString: label)
    }

    /// Copies a rule in normal form, so that it can be compared with an encoded one.
    package func read(_ rule: RuleReference, into entry: inout RuleEntry) {
        let offsets = codec.layout
        let size = unsafe rule.pointer.loadUnaligned(
            fromByteOffset: offsets.nextOffset,
            as: UInt16.self
        )
        // The kernel checked the entry's sizes, and libiptc holds that many bytes of it.
        let bytes = unsafe UnsafeRawBufferPointer(start: rule.pointer, count: Int(size))
        unsafe entry.replace(with: bytes.bytes)
        // An inconsistent entry stays as it is and equals no encoded one.
        _ = codec.normalize(&entry, label: targetName(of: rule))
    }
}

/// A rule inside libiptc's copy of a table.
@safe
package struct RuleReference {
    fileprivate let pointer: UnsafeRawPointer
}

/// A chain's name as a C string.
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
            return unsafe xtables_append_entry(isIPv6, chain.characters, start, handle)
        }
        if done == 0 { throw failure("append_entry", chain) }
    }

    /// Before the rule that is now at `index`.
    func insert(
        _ entry: borrowing RuleEntry,
        into chain: ChainLabel,
        at index: Int
    ) throws(DataplaneError) {
        let done = unsafe entry.bytes.withUnsafeBytes { bytes -> Int32 in
            guard let start = bytes.baseAddress else { return 0 }
            return unsafe xtables_insert_entry(
                isIPv6,
                chain.characters,
                start,
                UInt32(index),
                handle
            )
        }
        if done == 0 { throw failure("insert_entry", chain) }
    }

    func deleteRule(at index: Int, of chain: ChainLabel) throws(DataplaneError) {
        let done = unsafe xtables_delete_num_entry(
            isIPv6,
            chain.characters,
            UInt32(index),
            handle
        )
        try check(done, "delete_num_entry", chain)
    }

    func flush(_ chain: ChainLabel) throws(DataplaneError) {
        let done = unsafe xtables_flush_entries(isIPv6, chain.characters, handle)
        try check(done, "flush_entries", chain)
    }

    /// libiptc keeps chains sorted: creating them in the order of their names is fastest, as each is
    /// added at the end.
    func createChain(_ chain: ChainLabel) throws(DataplaneError) {
        let done = unsafe xtables_create_chain(isIPv6, chain.characters, handle)
        try check(done, "create_chain", chain)
    }

    /// The chain must be empty.
    ///
    /// - Throws: with errno `EMLINK` if a rule still jumps to it.
    func deleteChain(_ chain: ChainLabel) throws(DataplaneError) {
        let done = unsafe xtables_delete_chain(isIPv6, chain.characters, handle)
        try check(done, "delete_chain", chain)
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
        var subject = Self.subject(name, family)
        if let chain { subject += "/\(chain.name)" }
        return .system(
            "\(Self.prefix(family))_\(function)",
            subject,
            number,
            message: Self.message(number, family)
        )
    }

    static func subject(_ table: TableName, _ family: IPFamily) -> String {
        "\(family.rawValue) \(table.rawValue)"
    }

    /// Of the C functions' names.
    private static func prefix(_ family: IPFamily) -> String {
        family == .ipv4 ? "iptc" : "ip6tc"
    }

    private static func message(_ number: Int32, _ family: IPFamily) -> String {
        // A constant of libiptc or of the C library.
        guard let text = unsafe xtables_strerror(family == .ipv6, number) else {
            return DataplaneError.systemMessage(number)
        }
        return unsafe String(cString: text)
    }

    private static func initError(
        _ table: TableName,
        _ family: IPFamily,
        _ number: Int32
    ) -> DataplaneError {
        var error = DataplaneError.system(
            "\(prefix(family))_init",
            subject(table, family),
            number,
            message: message(number, family)
        )
        if number == ENOENT || number == ENOPROTOOPT {
            error.kind = .unsupported
            error.message = LegacyTables.absence(table, family)
        } else if number == EPERM {
            error.message = "this needs the capability CAP_NET_ADMIN"
        }
        return error
    }
}
