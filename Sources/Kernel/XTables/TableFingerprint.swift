package import Addressing
import CIPTables
package import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

/// The sizes and offsets of a legacy table, in which most foreign changes show at next to no cost.
///
/// A change that keeps them, such as another address in a rule, only shows in `XTablesLockWatch`.
package struct TableFingerprint: Sendable, Equatable {
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
    /// - Throws: `.unsupported` if the kernel lacks the table; `.notPermitted` without CAP_NET_RAW.
    package init(of table: TableName, _ family: IPFamily) throws(DataplaneError) {
        let socket = try XTablesSocket(family)
        // One layout serves both families: struct ip6t_getinfo has the same fields.
        var info = ipt_getinfo()
        unsafe withUnsafeMutableBytes(of: &info.name) { name in
            for (index, byte) in table.rawValue.utf8.enumerated() { unsafe name[index] = byte }
        }
        let failure = socket.get(Int32(IPT_SO_GET_INFO), into: &info)
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
        size = info.size
        entries = info.num_entries
        hookEntries = Self.array(info.hook_entry)
        underflows = Self.array(info.underflow)
    }

    private static func array(_ hooks: (UInt32, UInt32, UInt32, UInt32, UInt32)) -> [UInt32] {
        [hooks.0, hooks.1, hooks.2, hooks.3, hooks.4]
    }
}

/// A raw socket, through which xtables and IPVS answer socket options.
package struct XTablesSocket: ~Copyable {
    private let file: OwnedDescriptor
    private let level: Int32
    package let isIPv4: Bool

    package init(_ family: IPFamily) throws(DataplaneError) {
        let domain = family == .ipv4 ? AF_INET : AF_INET6
        file = try OwnedDescriptor.socket(
            domain,
            SOCK_RAW,
            Int32(IPPROTO_RAW),
            for: "raw \(family.rawValue) socket"
        )
        level = family == .ipv4 ? Int32(IPPROTO_IP) : Int32(IPPROTO_IPV6)
        isIPv4 = family == .ipv4
    }

    /// Reads an option into `value`, an imported C struct; returns 0 or the error number.
    package func get<Value>(_ option: Int32, into value: inout Value) -> Int32 {
        var length = socklen_t(MemoryLayout<Value>.size)
        return unsafe withUnsafeMutableBytes(of: &value) {
            unsafe getsockopt(file.number, level, option, $0.baseAddress, &length) == 0 ? 0 : errno
        }
    }
}
