import Addressing
import DataplaneModel

/// What the kernel calls its legacy tables, and what to say where they are missing.
enum LegacyTables {
    /// `iptable_nat`, `ip6table_filter` and so on.
    static func module(_ table: TableName, _ family: IPFamily) -> String {
        switch family {
        case .ipv4: "iptable_\(table.rawValue)"
        case .ipv6: "ip6table_\(table.rawValue)"
        }
    }

    /// Why there is no such table, and what to do.
    static func absence(_ table: TableName, _ family: IPFamily) -> String {
        let module = module(table, family)
        return """
            the kernel has no legacy \(table.rawValue) table for \(family.rawValue): \
            load it with `modprobe \(module)`; if there is no such module, the kernel was built \
            without CONFIG_NETFILTER_XTABLES_LEGACY (needed since 6.17) or without \(module), and \
            needs another kernel or another proxy mode
            """
    }
}
