import DataplaneModel
import Glibc
import HostFacts

/// Zeroed memory for a whole table, which goes back to the system as soon as it is freed: the heap
/// would keep a part of it.
@safe
struct TableBytes: ~Copyable {
    private(set) var base: UnsafeMutableRawPointer
    private(set) var capacity: Int

    /// - Throws: `.other` without memory.
    init(capacity wanted: Int) throws(DataplaneError) {
        capacity = (max(wanted, 1) + 4095) & ~4095
        unsafe base = try Self.map(capacity)
    }

    deinit {
        unsafe munmap(base, capacity)
    }

    private static func map(_ capacity: Int) throws(DataplaneError) -> UnsafeMutableRawPointer {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS
        let start = unsafe mmap(nil, capacity, PROT_READ | PROT_WRITE, flags, -1, 0)
        // MAP_FAILED is no pointer, but -1.
        guard let start = unsafe start, Int(bitPattern: start) != -1 else {
            throw .system("mmap", "\(capacity) bytes for a table", errno, kind: .other)
        }
        // Large pages spare thousands of page faults. Not every kernel has them.
        _ = unsafe madvise(start, capacity, MADV_HUGEPAGE)
        return unsafe start
    }

    /// Makes room for `count` bytes in all, of which the first `used` are kept, as far as there were that
    /// many.
    mutating func reserve(_ count: Int, keeping used: Int) throws(DataplaneError) {
        if count <= capacity { return }
        let larger = (max(count, capacity * 2) + 4095) & ~4095
        let moved = unsafe try Self.map(larger)
        unsafe moved.copyMemory(from: base, byteCount: min(used, capacity))
        unsafe munmap(base, capacity)
        unsafe base = moved
        capacity = larger
    }
}

extension TableBytes {
    // Each checks its bounds, which costs next to nothing beside the memory access.

    func load<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type, at offset: Int)
        -> Value
    {
        precondition(offset >= 0 && offset + MemoryLayout<Value>.size <= capacity)
        return unsafe base.loadUnaligned(fromByteOffset: offset, as: type)
    }

    func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<Value>.size <= capacity)
        unsafe base.storeBytes(of: value, toByteOffset: offset, as: Value.self)
    }

    func copy(_ count: Int, from other: borrowing TableBytes, at source: Int, to place: Int) {
        precondition(count >= 0 && source >= 0 && source + count <= other.capacity)
        precondition(place >= 0 && place + count <= capacity)
        unsafe (base + place).copyMemory(from: other.base + source, byteCount: count)
    }

    func copy(_ bytes: [UInt8], to place: Int) {
        precondition(place >= 0 && place + bytes.count <= capacity)
        unsafe bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe (base + place).copyMemory(from: start, byteCount: bytes.count)
        }
    }

    func copy(_ range: Range<Int>, into entry: inout RuleEntry) {
        precondition(range.lowerBound >= 0 && range.upperBound <= capacity)
        let bytes = unsafe UnsafeRawBufferPointer(
            start: base + range.lowerBound,
            count: range.count
        )
        unsafe entry.replace(with: bytes.bytes)
    }

    /// The text up to a zero byte or `limit` bytes.
    func text(at offset: Int, limit: Int) -> String {
        precondition(offset >= 0 && offset + limit <= capacity)
        let bytes = unsafe UnsafeRawBufferPointer(start: base + offset, count: limit)
        let end = unsafe bytes.firstIndex(of: 0) ?? limit
        return unsafe String(decoding: bytes[..<end], as: UTF8.self)
    }
}
