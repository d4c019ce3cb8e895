import CNetlink

/// One message from the kernel, within a buffer of several.
public struct NetlinkMessage {
    /// `nlmsg_type`.
    public let type: UInt16
    /// `nlmsg_flags`.
    public let flags: UInt16
    /// `nlmsg_seq`.
    public let sequence: UInt32
    /// The socket whose request it answers or reports; 0 for what the kernel did by itself.
    public let port: UInt32
    /// What follows the netlink header.
    public let payload: NetlinkBytes

    /// The attributes of a message of netfilter or generic netlink, behind the four bytes of
    /// `struct nfgenmsg` or `struct genlmsghdr`.
    @inlinable
    public var attributes: NetlinkBytes { payload.dropFirst(4) }
}

/// A range of bytes from the kernel; reading beyond its end gives zeros or nil.
///
/// Public and inlinable, as `NetlinkBatch` is: Swift 6.3 specializes generic functions of another module
/// only if they are public, and each element of a set passes through here.
public struct NetlinkBytes {
    /// The buffer that the range is a part of.
    public let storage: [UInt8]
    /// Places in `storage`, within it.
    public let range: Range<Int>

    /// `range` is clamped to the buffer.
    @inlinable
    public init(_ storage: [UInt8], _ range: Range<Int>) {
        self.storage = storage
        self.range = range.clamped(to: 0..<storage.count)
    }

    /// The number of bytes.
    @inlinable
    public var count: Int { range.count }

    /// What follows the first `count` bytes; empty if there are no more.
    @inlinable
    public func dropFirst(_ count: Int) -> NetlinkBytes {
        NetlinkBytes(storage, min(range.lowerBound + count, range.upperBound)..<range.upperBound)
    }

    /// In host order.
    @inlinable
    public func number<Number: FixedWidthInteger>(_ type: Number.Type, at place: Int = 0) -> Number
    {
        var result: Number = 0
        for index in 0..<(Number.bitWidth / 8) {
            let position = range.lowerBound + place + index
            guard position < range.upperBound else { return 0 }
            result |= Number(truncatingIfNeeded: storage[position]) << (8 * index)
        }
        return result
    }

    /// The first `width` bytes as a number in network order.
    @inlinable
    public func network(_ width: Int, at place: Int = 0) -> UInt128 {
        if width > 8 {
            let rest = width - 8
            let high = UInt128(network(rest, at: place))
            return high << 64 | network(8, at: place + rest)
        }
        var sum: UInt64 = 0
        let start = range.lowerBound + place
        for position in start..<(start + width) {
            sum = sum << 8 | (position < range.upperBound ? UInt64(storage[position]) : 0)
        }
        return UInt128(sum)
    }

    /// Up to the first zero byte.
    @inlinable
    public var text: String {
        String(decoding: storage[range].prefix { $0 != 0 }, as: UTF8.self)
    }

    /// Calls `body` for each attribute, without the flags in its type. Stops at an attribute with an
    /// impossible length.
    @inlinable
    public func forEachAttribute(_ body: (_ type: Int, _ value: NetlinkBytes) -> Void) {
        var place = range.lowerBound
        while let attribute = attribute(at: place) {
            body(attribute.type, NetlinkBytes(storage, attribute.value))
            place = attribute.next
        }
    }

    /// The attribute that begins at `place`, and where the next one would; nil if none fits between there
    /// and the end.
    @usableFromInline
    func attribute(at place: Int) -> (type: Int, value: Range<Int>, next: Int)? {
        unsafe storage.withUnsafeBytes { bytes in
            guard place < range.upperBound, let base = bytes.baseAddress else { return nil }
            let start = unsafe base + place
            let head = unsafe start.assumingMemoryBound(to: nlattr.self)
            let left = Int32(clamping: range.upperBound - place)
            // The check is libnl's. Its accessors are calls as well, four for each of 100,000 attributes.
            guard unsafe nla_ok(head, left) != 0 else { return nil }
            let length = Int(unsafe head.pointee.nla_len)
            let type = Int(unsafe head.pointee.nla_type) & ~Int(NLA_F_NESTED | NLA_F_NET_BYTEORDER)
            let value = (place + MemoryLayout<nlattr>.size)..<(place + length)
            return (type, value, place + (length + 3) & ~3)
        }
    }

    /// The value of an attribute, the first one if there are several; nil if there is none.
    @inlinable
    public func attribute(_ wanted: some BinaryInteger) -> NetlinkBytes? {
        firstAttribute(Int32(wanted))
    }

    /// Not generic, as a generic function that is not inlined converts its number by a chain of calls.
    @usableFromInline
    func firstAttribute(_ wanted: Int32) -> NetlinkBytes? {
        unsafe storage.withUnsafeBytes { bytes in
            guard !range.isEmpty, let base = bytes.baseAddress else { return nil }
            let first = unsafe (base + range.lowerBound).assumingMemoryBound(to: nlattr.self)
            let count = Int32(clamping: range.count)
            guard let found = unsafe nla_find(first, count, wanted) else { return nil }
            let value = unsafe UnsafeRawPointer(nla_data(found)) - base
            return NetlinkBytes(storage, value..<(value + Int(unsafe nla_len(found))))
        }
    }
}
