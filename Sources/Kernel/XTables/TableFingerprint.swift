package import Addressing
import CIPTables
package import DataplaneModel
import Glibc
import HostFacts

/// The sizes and offsets of a legacy table, in which most foreign changes show at next to no cost.
///
/// A change that keeps them, such as another address in a rule, only shows in `XTablesLockWatch`.
package struct TableFingerprint: Sendable, Equatable {
    /// A bit for each hook that the table has, from PREROUTING up.
    var hooks: UInt32
    /// Bytes of all entries.
    package var size: UInt32
    /// Number of entries: rules, policies and chain heads.
    package var entries: UInt32
    /// Where the rules of each hook begin, as five offsets.
    package var hookEntries: [UInt32]
    /// Where the policy of each hook is, as five offsets.
    package var underflows: [UInt32]

    /// Of the table in this thread's network namespace. The corresponding request is `IPT_SO_GET_INFO`,
    /// or `IP6T_SO_GET_INFO`.
    ///
    /// - Throws: `.unsupported` if the kernel lacks the table; `.notPermitted` without CAP_NET_ADMIN.
    package init(of table: TableName, _ family: IPFamily) throws(DataplaneError) {
        try self.init(of: table, family, by: try XTablesSocket(family))
    }

    init(
        of table: TableName,
        _ family: IPFamily,
        by socket: borrowing XTablesSocket
    ) throws(DataplaneError) {
        // One layout serves both families: struct ip6t_getinfo has the same fields.
        var info = ipt_getinfo()
        unsafe withUnsafeMutableBytes(of: &info.name) { name in
            for (index, byte) in table.rawValue.utf8.enumerated() { unsafe name[index] = byte }
        }
        let failure = FirstUse.attempt { socket.get(Int32(IPT_SO_GET_INFO), into: &info) }
        if failure == ENOENT || failure == ENOPROTOOPT {
            throw .system(
                "IPT_SO_GET_INFO",
                "\(family.rawValue) \(table.rawValue)",
                failure,
                kind: .unsupported,
                message: LegacyTables.absence(table, family)
            )
        }
        guard failure == 0 else {
            let subject = "\(family.rawValue) \(table.rawValue)"
            throw .system("IPT_SO_GET_INFO", subject, failure)
        }
        hooks = info.valid_hooks
        size = info.size
        entries = info.num_entries
        hookEntries = Self.array(info.hook_entry)
        underflows = Self.array(info.underflow)
    }

    /// Of a table that has just been written.
    init(hooks: UInt32, size: Int, entries: Int, hookEntries: [UInt32], underflows: [UInt32]) {
        self.hooks = hooks
        self.size = UInt32(size)
        self.entries = UInt32(entries)
        self.hookEntries = hookEntries
        self.underflows = underflows
    }

    private static func array(_ hooks: (UInt32, UInt32, UInt32, UInt32, UInt32)) -> [UInt32] {
        [hooks.0, hooks.1, hooks.2, hooks.3, hooks.4]
    }
}
