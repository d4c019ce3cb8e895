package import Addressing
import CIPTables

/// libiptc for IPv4.
package enum IPv4Tables: XTablesLibrary {
    package static let family = IPFamily.ipv4
    package static let functionPrefix = "iptc"

    package static func initialize(_ table: String) -> OpaquePointer? {
        unsafe iptc_init(table)
    }

    package static func free(_ handle: OpaquePointer) {
        unsafe iptc_free(handle)
    }

    package static func firstChain(_ handle: OpaquePointer) -> UnsafePointer<CChar>? {
        unsafe iptc_first_chain(handle)
    }

    package static func nextChain(_ handle: OpaquePointer) -> UnsafePointer<CChar>? {
        unsafe iptc_next_chain(handle)
    }

    package static func isChain(_ chain: [CChar], _ handle: OpaquePointer) -> Bool {
        unsafe iptc_is_chain(chain, handle) != 0
    }

    package static func isBuiltin(_ chain: UnsafePointer<CChar>, _ handle: OpaquePointer) -> Bool {
        unsafe iptc_builtin(chain, handle) != 0
    }

    package static func firstRule(_ chain: [CChar], _ handle: OpaquePointer) -> UnsafeRawPointer? {
        unsafe UnsafeRawPointer(iptc_first_rule(chain, handle))
    }

    package static func nextRule(_ rule: UnsafeRawPointer, _ handle: OpaquePointer)
        -> UnsafeRawPointer?
    {
        let entry = unsafe rule.assumingMemoryBound(to: ipt_entry.self)
        return unsafe UnsafeRawPointer(iptc_next_rule(entry, handle))
    }

    package static func target(_ rule: UnsafeRawPointer, _ handle: OpaquePointer) -> UnsafePointer<
        CChar
    >? {
        unsafe iptc_get_target(rule.assumingMemoryBound(to: ipt_entry.self), handle)
    }

    package static func append(
        _ chain: [CChar],
        _ entry: UnsafeRawPointer,
        _ handle: OpaquePointer
    ) -> Int32 {
        unsafe iptc_append_entry(chain, entry.assumingMemoryBound(to: ipt_entry.self), handle)
    }

    package static func insert(
        _ chain: [CChar],
        _ entry: UnsafeRawPointer,
        _ index: UInt32,
        _ handle: OpaquePointer
    ) -> Int32 {
        let entry = unsafe entry.assumingMemoryBound(to: ipt_entry.self)
        return unsafe iptc_insert_entry(chain, entry, index, handle)
    }

    package static func delete(_ chain: [CChar], _ index: UInt32, _ handle: OpaquePointer) -> Int32
    {
        unsafe iptc_delete_num_entry(chain, index, handle)
    }

    package static func flush(_ chain: [CChar], _ handle: OpaquePointer) -> Int32 {
        unsafe iptc_flush_entries(chain, handle)
    }

    package static func createChain(_ chain: [CChar], _ handle: OpaquePointer) -> Int32 {
        unsafe iptc_create_chain(chain, handle)
    }

    package static func deleteChain(_ chain: [CChar], _ handle: OpaquePointer) -> Int32 {
        unsafe iptc_delete_chain(chain, handle)
    }

    package static func policy(_ chain: [CChar], _ handle: OpaquePointer) -> UnsafePointer<CChar>? {
        var counters = xt_counters()
        return unsafe iptc_get_policy(chain, &counters, handle)
    }

    package static func keepPolicyCounts(
        _ chain: UnsafePointer<CChar>,
        _ handle: OpaquePointer
    ) -> Bool {
        var counters = xt_counters()
        guard let policy = unsafe iptc_get_policy(chain, &counters, handle) else { return false }
        return unsafe iptc_set_policy(chain, policy, &counters, handle) != 0
    }

    package static func commit(_ handle: OpaquePointer) -> Int32 {
        unsafe iptc_commit(handle)
    }

    package static func message(_ errno: Int32) -> UnsafePointer<CChar>? {
        unsafe iptc_strerror(errno)
    }
}

/// libiptc for IPv6.
package enum IPv6Tables: XTablesLibrary {
    package static let family = IPFamily.ipv6
    package static let functionPrefix = "ip6tc"

    package static func initialize(_ table: String) -> OpaquePointer? {
        unsafe ip6tc_init(table)
    }

    package static func free(_ handle: OpaquePointer) {
        unsafe ip6tc_free(handle)
    }

    package static func firstChain(_ handle: OpaquePointer) -> UnsafePointer<CChar>? {
        unsafe ip6tc_first_chain(handle)
    }

    package static func nextChain(_ handle: OpaquePointer) -> UnsafePointer<CChar>? {
        unsafe ip6tc_next_chain(handle)
    }

    package static func isChain(_ chain: [CChar], _ handle: OpaquePointer) -> Bool {
        unsafe ip6tc_is_chain(chain, handle) != 0
    }

    package static func isBuiltin(_ chain: UnsafePointer<CChar>, _ handle: OpaquePointer) -> Bool {
        unsafe ip6tc_builtin(chain, handle) != 0
    }

    package static func firstRule(_ chain: [CChar], _ handle: OpaquePointer) -> UnsafeRawPointer? {
        unsafe UnsafeRawPointer(ip6tc_first_rule(chain, handle))
    }

    package static func nextRule(_ rule: UnsafeRawPointer, _ handle: OpaquePointer)
        -> UnsafeRawPointer?
    {
        let entry = unsafe rule.assumingMemoryBound(to: ip6t_entry.self)
        return unsafe UnsafeRawPointer(ip6tc_next_rule(entry, handle))
    }

    package static func target(_ rule: UnsafeRawPointer, _ handle: OpaquePointer) -> UnsafePointer<
        CChar
    >? {
        unsafe ip6tc_get_target(rule.assumingMemoryBound(to: ip6t_entry.self), handle)
    }

    package static func append(
        _ chain: [CChar],
        _ entry: UnsafeRawPointer,
        _ handle: OpaquePointer
    ) -> Int32 {
        unsafe ip6tc_append_entry(chain, entry.assumingMemoryBound(to: ip6t_entry.self), handle)
    }

    package static func insert(
        _ chain: [CChar],
        _ entry: UnsafeRawPointer,
        _ index: UInt32,
        _ handle: OpaquePointer
    ) -> Int32 {
        let entry = unsafe entry.assumingMemoryBound(to: ip6t_entry.self)
        return unsafe ip6tc_insert_entry(chain, entry, index, handle)
    }

    package static func delete(_ chain: [CChar], _ index: UInt32, _ handle: OpaquePointer) -> Int32
    {
        unsafe ip6tc_delete_num_entry(chain, index, handle)
    }

    package static func flush(_ chain: [CChar], _ handle: OpaquePointer) -> Int32 {
        unsafe ip6tc_flush_entries(chain, handle)
    }

    package static func createChain(_ chain: [CChar], _ handle: OpaquePointer) -> Int32 {
        unsafe ip6tc_create_chain(chain, handle)
    }

    package static func deleteChain(_ chain: [CChar], _ handle: OpaquePointer) -> Int32 {
        unsafe ip6tc_delete_chain(chain, handle)
    }

    package static func policy(_ chain: [CChar], _ handle: OpaquePointer) -> UnsafePointer<CChar>? {
        var counters = xt_counters()
        return unsafe ip6tc_get_policy(chain, &counters, handle)
    }

    package static func keepPolicyCounts(
        _ chain: UnsafePointer<CChar>,
        _ handle: OpaquePointer
    ) -> Bool {
        var counters = xt_counters()
        guard let policy = unsafe ip6tc_get_policy(chain, &counters, handle) else { return false }
        return unsafe ip6tc_set_policy(chain, policy, &counters, handle) != 0
    }

    package static func commit(_ handle: OpaquePointer) -> Int32 {
        unsafe ip6tc_commit(handle)
    }

    package static func message(_ errno: Int32) -> UnsafePointer<CChar>? {
        unsafe ip6tc_strerror(errno)
    }
}
