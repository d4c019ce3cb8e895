package import Addressing
package import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

/// Which legacy tables are in use, and how to get missing ones.
package enum LegacyTables {
    /// `iptable_nat`, `ip6table_filter` and so on.
    static func module(_ table: TableName, _ family: IPFamily) -> String {
        switch family {
        case .ipv4: "iptable_\(table.rawValue)"
        case .ipv6: "ip6table_\(table.rawValue)"
        }
    }

    /// The tables that were used in this thread's network namespace since it exists; reading another one
    /// would create it. The corresponding file is `/proc/net/ip_tables_names`.
    package static func used(_ family: IPFamily) -> [TableName] {
        let file = family == .ipv4 ? "ip_tables_names" : "ip6_tables_names"
        let path = "/proc/thread-self/net/\(file)"
        // Without the file there are no legacy tables at all.
        guard let content = try? WholeFile.read(path, limit: 1 << 16) else { return [] }
        let names = String(decoding: content, as: UTF8.self).split(separator: "\n")
        return TableName.allCases.filter { names.contains(Substring($0.rawValue)) }
    }

    /// Why a table is missing, and how to get it.
    static func absence(_ table: TableName, _ family: IPFamily) -> String {
        let module = module(table, family)
        return """
            the kernel has no legacy \(table.rawValue) table for \(family.rawValue): \
            load it with `\(Cure.loadModule(module).command)`; if there is no such module, the kernel was built \
            without CONFIG_NETFILTER_XTABLES_LEGACY (needed since 6.17) or without \(module), and \
            needs another kernel or another proxy mode
            """
    }
}
