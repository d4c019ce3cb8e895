import DataplaneModel
import Glibc
import HostFacts

/// Zeroed memory for a whole table, which goes back to the system as soon as it is freed: the heap
/// would keep a part of it.
@safe
struct TableBytes: ~Copyable {
    let base: UnsafeMutableRawPointer
    /// Bytes of memory.
    let capacity: Int
    /// Bytes of addresses; those behind the memory fault when they are touched.
    private let extent: Int

    /// With `extent`, memory for the beginning of something that is as long as that.
    ///
    /// - Throws: `.other` without memory.
    init(capacity wanted: Int, extent: Int = 0) throws(DataplaneError) {
        capacity = (max(wanted, 1) + 4095) & ~4095
        self.extent = max(capacity, (extent + 4095) & ~4095)
        unsafe base = try Self.map(capacity, self.extent)
    }

    deinit {
        unsafe munmap(base, extent)
    }

    private static func map(
        _ capacity: Int,
        _ extent: Int
    ) throws(DataplaneError) -> UnsafeMutableRawPointer {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS
        let all = PROT_READ | PROT_WRITE
        let access = extent > capacity ? PROT_NONE : all
        let start = unsafe mmap(nil, extent, access, flags, -1, 0)
        // MAP_FAILED is no pointer, but -1.
        guard let start = unsafe start, Int(bitPattern: start) != -1 else {
            throw .system("mmap", "\(capacity) bytes for a table", errno, kind: .other)
        }
        if extent > capacity {
            guard unsafe mprotect(start, capacity, all) == 0 else {
                let failure = errno
                unsafe munmap(start, extent)
                throw .system("mprotect", "\(capacity) bytes", failure, kind: .other)
            }
            return unsafe start
        }
        // Large pages spare thousands of page faults. Not every kernel has them.
        _ = unsafe madvise(start, capacity, MADV_HUGEPAGE)
        return unsafe start
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

    func zero(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= capacity)
        unsafe memset(base + range.lowerBound, 0, range.count)
    }

    /// Whether `count` bytes are the same as those of another.
    func equals(_ other: borrowing TableBytes, at place: Int, _ otherPlace: Int, count: Int) -> Bool
    {
        precondition(count >= 0 && place >= 0 && place + count <= capacity)
        precondition(otherPlace >= 0 && otherPlace + count <= other.capacity)
        return unsafe memcmp(base + place, other.base + otherPlace, count) == 0
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
