import CIPTables

/// One rule in libiptc's form: a `struct ipt_entry` or `ip6t_entry`, with its matches and its target
/// behind it.
///
/// Meant to be reused: the storage stays, so that encoding allocates nothing. Numbers are in host
/// order, addresses and NAT ports in network order.
package struct RuleEntry: Sendable, Equatable {
    package private(set) var bytes: [UInt8] = []
    /// The target is a verdict or a chain, and has its name; else it is an extension. In the kernel the
    /// name is empty, and libiptc fills it in.
    package internal(set) var hasVerdict = false

    package init() {
        bytes.reserveCapacity(2048)
    }

    package var count: Int { bytes.count }

    /// Resets the entry to a header of zeros.
    mutating func reset(to size: Int) {
        bytes.removeAll(keepingCapacity: true)
        hasVerdict = false
        grow(by: size)
    }

    mutating func grow(by count: Int) {
        bytes.append(contentsOf: repeatElement(0, count: count))
    }

    /// Copies an entry of the kernel.
    mutating func replace(with other: borrowing RawSpan) {
        bytes.removeAll(keepingCapacity: true)
        hasVerdict = false
        unsafe other.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }

    mutating func zero(_ range: Range<Int>) {
        for index in range { bytes[index] = 0 }
    }
}

extension RuleEntry {
    mutating func store(_ value: UInt8, at offset: Int) {
        bytes[offset] = value
    }

    mutating func store(_ value: UInt16, at offset: Int) {
        bytes[offset] = UInt8(truncatingIfNeeded: value)
        bytes[offset + 1] = UInt8(truncatingIfNeeded: value >> 8)
    }

    mutating func store(_ value: UInt32, at offset: Int) {
        store(UInt16(truncatingIfNeeded: value), at: offset)
        store(UInt16(truncatingIfNeeded: value >> 16), at: offset + 2)
    }

    /// The highest byte first; an IPv4 address takes 4 bytes, an IPv6 address 16.
    mutating func store(networkOrder value: UInt128, width: Int, at offset: Int) {
        var rest = value
        for index in (offset..<(offset + width)).reversed() {
            bytes[index] = UInt8(truncatingIfNeeded: rest)
            rest >>= 8
        }
    }

    /// The text without a terminator, as the byte behind it is zero already.
    mutating func store(_ text: String, at offset: Int) {
        var index = offset
        for byte in text.utf8 {
            bytes[index] = byte
            index += 1
        }
    }

    mutating func store(_ text: StaticString, at offset: Int) {
        text.withUTF8Buffer { buffer in
            for index in buffer.indices { bytes[offset + index] = unsafe buffer[index] }
        }
    }

    package func uint16(at offset: Int) -> UInt16 {
        UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8
    }

    func uint32(at offset: Int) -> UInt32 {
        UInt32(uint16(at: offset)) | UInt32(uint16(at: offset + 2)) << 16
    }

    func networkOrder(at offset: Int, width: Int) -> UInt128 {
        bytes[offset..<(offset + width)].reduce(0) { $0 << 8 | UInt128($1) }
    }

    /// The text up to a zero byte, or all `limit` bytes.
    func text(at offset: Int, limit: Int) -> String {
        String(decoding: bytes[offset..<(offset + limit)].prefix { $0 != 0 }, as: UTF8.self)
    }
}

extension RuleEntry {
    /// Appends a match or target of a kernel extension with `size` bytes of data, all zero, and returns
    /// the offset of that data.
    mutating func appendExtension(
        _ name: StaticString,
        revision: UInt8 = 0,
        size: Int
    ) -> Int {
        let header = count
        let length = RuleEntry.aligned(Int(xt_entry_match_size) + size)
        grow(by: length)
        store(UInt16(length), at: header)
        store(name, at: header + Int(xt_entry_match_name))
        store(revision, at: header + Int(xt_entry_match_revision))
        return header + Int(xt_entry_match_size)
    }

    /// `XT_ALIGN`: to 8 bytes on all 64-bit machines.
    static func aligned(_ size: Int) -> Int { (size + 7) & ~7 }
}

extension RuleEntry {
    /// A copy with one bit changed, for tests that nothing in an entry is overlooked.
    package func flippingBit(at index: Int) -> RuleEntry {
        var changed = self
        changed.bytes[index] ^= 1
        return changed
    }
}
