package import Addressing
import CIPTables
import Glibc

/// The functions that libiptc has once per family, `iptc_…` and `ip6tc_…`, under one name each.
///
/// All return what the C function returns and leave its error in `errno`. Entries are untyped
/// because the two structs differ; a label is a chain's name with its terminating zero.
package protocol XTablesLibrary {
    static var family: IPFamily { get }
    static var functionPrefix: String { get }

    static func initialize(_ table: String) -> OpaquePointer?
    static func free(_ handle: OpaquePointer)
    static func firstChain(_ handle: OpaquePointer) -> UnsafePointer<CChar>?
    static func nextChain(_ handle: OpaquePointer) -> UnsafePointer<CChar>?
    static func isChain(_ chain: [CChar], _ handle: OpaquePointer) -> Bool
    static func isBuiltin(_ chain: UnsafePointer<CChar>, _ handle: OpaquePointer) -> Bool
    static func firstRule(_ chain: [CChar], _ handle: OpaquePointer) -> UnsafeRawPointer?
    static func nextRule(_ rule: UnsafeRawPointer, _ handle: OpaquePointer) -> UnsafeRawPointer?
    static func target(_ rule: UnsafeRawPointer, _ handle: OpaquePointer) -> UnsafePointer<CChar>?
    static func append(
        _ chain: [CChar],
        _ entry: UnsafeRawPointer,
        _ handle: OpaquePointer
    ) -> Int32
    static func insert(
        _ chain: [CChar],
        _ entry: UnsafeRawPointer,
        _ index: UInt32,
        _ handle: OpaquePointer
    ) -> Int32
    static func delete(_ chain: [CChar], _ index: UInt32, _ handle: OpaquePointer) -> Int32
    static func flush(_ chain: [CChar], _ handle: OpaquePointer) -> Int32
    static func createChain(_ chain: [CChar], _ handle: OpaquePointer) -> Int32
    static func deleteChain(_ chain: [CChar], _ handle: OpaquePointer) -> Int32
    /// `ACCEPT` or `DROP`, of a built-in chain.
    static func policy(_ chain: [CChar], _ handle: OpaquePointer) -> UnsafePointer<CChar>?
    /// Writes a built-in chain's policy counters back with the table; libiptc alone zeroes them.
    static func keepPolicyCounts(_ chain: UnsafePointer<CChar>, _ handle: OpaquePointer) -> Bool
    static func commit(_ handle: OpaquePointer) -> Int32
    static func message(_ errno: Int32) -> UnsafePointer<CChar>?
}
