import CIPTables
import DataplaneModel
import Glibc

/// An IPv4 table as the kernel holds it, to be handed back unchanged: what programming
/// costs without planning, encoding and reading.
struct RawTable {
    private let name: TableName
    /// `struct ipt_replace`, complete but for the counters.
    private var header: ipt_replace
    private let entries: [UInt8]

    var byteCount: Int { entries.count }
    var ruleCount: Int { Int(header.num_entries) }

    /// Reads the table in this thread's network namespace.
    init(_ name: TableName) throws {
        self.name = name
        let socket = try Self.socket()
        defer { close(socket) }
        let info = try Self.info(of: name, socket)
        header = ipt_replace()
        withUnsafeMutableBytes(of: &header.name) { Self.fill($0, with: name) }
        header.valid_hooks = info.valid_hooks
        header.num_entries = info.num_entries
        header.size = info.size
        header.hook_entry = info.hook_entry
        header.underflow = info.underflow
        entries = try Self.entries(of: name, size: Int(info.size), socket)
    }

    /// Replaces this thread's table by this one. The cost is that of `IPT_SO_SET_REPLACE` alone.
    func replace() throws -> Cost {
        let socket = try Self.socket()
        defer { close(socket) }
        // The kernel wants room for the counters of what it throws away.
        let old = try Self.info(of: name, socket).num_entries
        var counters = [xt_counters](repeating: xt_counters(), count: Int(old))
        let size = MemoryLayout<ipt_replace>.size
        let request = UnsafeMutableRawBufferPointer.allocate(
            byteCount: size + entries.count,
            alignment: 8
        )
        defer { request.deallocate() }
        return try counters.withUnsafeMutableBufferPointer { counters in
            var header = header
            header.num_counters = old
            header.counters = counters.baseAddress
            withUnsafeBytes(of: &header) { request.copyMemory(from: $0) }
            UnsafeMutableRawBufferPointer(rebasing: request[size...]).copyBytes(from: entries)
            let (cost, result) = Cost.of {
                setsockopt(
                    socket,
                    Int32(IPPROTO_IP),
                    Int32(IPT_SO_SET_REPLACE),
                    request.baseAddress,
                    socklen_t(request.count)
                )
            }
            guard result == 0 else { throw BenchFailure.system("IPT_SO_SET_REPLACE") }
            return cost
        }
    }

    private static func socket() throws -> Int32 {
        let number = Glibc.socket(AF_INET, Int32(SOCK_RAW.rawValue), Int32(IPPROTO_RAW))
        guard number >= 0 else { throw BenchFailure.system("raw socket") }
        return number
    }

    private static func info(of name: TableName, _ socket: Int32) throws -> ipt_getinfo {
        var info = ipt_getinfo()
        withUnsafeMutableBytes(of: &info.name) { fill($0, with: name) }
        var length = socklen_t(MemoryLayout<ipt_getinfo>.size)
        guard getsockopt(socket, Int32(IPPROTO_IP), Int32(IPT_SO_GET_INFO), &info, &length) == 0
        else { throw BenchFailure.system("IPT_SO_GET_INFO \(name.rawValue)") }
        return info
    }

    private static func entries(
        of name: TableName,
        size: Int,
        _ socket: Int32
    ) throws -> [UInt8] {
        var header = ipt_get_entries()
        withUnsafeMutableBytes(of: &header.name) { fill($0, with: name) }
        header.size = UInt32(size)
        var request = withUnsafeBytes(of: &header) { Array($0) }
        let start = request.count
        request += repeatElement(0, count: size)
        var length = socklen_t(request.count)
        let option = Int32(IPT_SO_GET_ENTRIES)
        guard getsockopt(socket, Int32(IPPROTO_IP), option, &request, &length) == 0 else {
            throw BenchFailure.system("IPT_SO_GET_ENTRIES \(name.rawValue)")
        }
        return Array(request[start...])
    }

    private static func fill(_ field: UnsafeMutableRawBufferPointer, with name: TableName) {
        field.copyBytes(from: name.rawValue.utf8)
    }
}
