package import Addressing

/// An element's key or value: one or more fields, packed without gaps.
///
/// The set defines the fields. Values with the same fields are ordered field by field. At most 320
/// bits: room for two IPv6 addresses, a protocol and a port.
///
/// Public and inlinable, as every element of every set passes through here, and Swift 6.3 inlines only
/// what is public into other modules.
@frozen
public struct NFTValue: Sendable {
    // One number in five words, the most significant first.
    @usableFromInline var word0: UInt64 = 0
    @usableFromInline var word1: UInt64 = 0
    @usableFromInline var word2: UInt64 = 0
    @usableFromInline var word3: UInt64 = 0
    @usableFromInline var word4: UInt64 = 0
    /// How many of the lowest bits may have any value: the host bits of a range, otherwise 0. They
    /// are stored as zeros.
    @usableFromInline var free: UInt8 = 0

    /// A value without fields.
    @inlinable
    public init() {}

    /// How many of the lowest bits may have any value: the host bits of a range, otherwise 0. They
    /// are stored as zeros.
    package private(set) var freeBits: UInt8 {
        get { free }
        set { free = newValue }
    }

    /// Appends the lowest `width` bits of `bits` as one more field.
    @inlinable
    public func appending(_ bits: UInt128, width: Int) -> NFTValue {
        var result = self
        result.append(bits, width: width)
        return result
    }

    /// Appends the lowest `width` bits of `bits` as one more field.
    @inlinable
    public mutating func append(_ bits: UInt128, width: Int) {
        if width == 128 {
            (word0, word1, word2) = (word2, word3, word4)
            (word3, word4) = (UInt64(bits >> 64), UInt64(truncatingIfNeeded: bits))
            return
        }
        let rest = 64 - width
        word0 = word0 << width | word1 >> rest
        word1 = word1 << width | word2 >> rest
        word2 = word2 << width | word3 >> rest
        word3 = word3 << width | word4 >> rest
        word4 = word4 << width | UInt64(truncatingIfNeeded: bits) & (UInt64.max >> rest)
    }

    /// `width` bits followed by `offset` bits.
    @inlinable
    public func bits(at offset: Int, width: Int) -> UInt128 {
        let high: UInt64
        let middle: UInt64
        let low: UInt64
        switch offset / 64 {
        case 0: (high, middle, low) = (word2, word3, word4)
        case 1: (high, middle, low) = (word1, word2, word3)
        case 2: (high, middle, low) = (word0, word1, word2)
        case 3: (high, middle, low) = (0, word0, word1)
        default: (high, middle, low) = (0, 0, word0)
        }
        let shift = UInt128(offset % 64)
        var result = (UInt128(middle) << 64 | UInt128(low)) >> shift
        if shift > 0 { result |= UInt128(high) << (128 - shift) }
        return width == 128 ? result : result & ((1 << UInt128(width)) - 1)
    }
}

// MARK: - Words

extension NFTValue {
    /// One of the five words, the least significant first.
    subscript(word index: Int) -> UInt64 {
        switch index {
        case 0: word4
        case 1: word3
        case 2: word2
        case 3: word1
        default: word0
        }
    }

    /// The number of words without the leading zeros; at least 1.
    var wordCount: Int {
        if word0 | word1 | word2 | word3 == 0 { return 1 }
        return word0 != 0 ? 5 : word1 != 0 ? 4 : word2 != 0 ? 3 : 2
    }

    /// From `count` words at a place in `words`, the least significant first.
    init(_ words: [UInt64], at place: Int, count: Int, freeBits: UInt8) {
        word4 = words[place]
        free = freeBits
        guard count > 1 else { return }
        word3 = words[place + 1]
        if count > 2 { word2 = words[place + 2] }
        if count > 3 { word1 = words[place + 3] }
        if count > 4 { word0 = words[place + 4] }
    }
}

extension NFTValue: Hashable {
    /// The upper words of most values are 0, and most of the time of planning is spent hashing.
    @inlinable
    public func hash(into hasher: inout Hasher) {
        hasher.combine(word4)
        guard word0 | word1 | word2 | word3 != 0 else { return }
        hasher.combine(word3)
        hasher.combine(word2)
        hasher.combine(word1)
        hasher.combine(word0)
    }
}

extension NFTValue: Comparable {
    /// As one number; a range is behind its lowest address.
    @inlinable
    public static func < (left: NFTValue, right: NFTValue) -> Bool {
        if left.word0 != right.word0 { return left.word0 < right.word0 }
        if left.word1 != right.word1 { return left.word1 < right.word1 }
        if left.word2 != right.word2 { return left.word2 < right.word2 }
        if left.word3 != right.word3 { return left.word3 < right.word3 }
        if left.word4 != right.word4 { return left.word4 < right.word4 }
        return left.free < right.free
    }
}

// MARK: - Making

extension NFTValue {
    package func appending(_ address: IPAddress) -> NFTValue {
        appending(address.bits, width: address.family.bitWidth)
    }

    package func appending(_ transport: TransportProtocol) -> NFTValue {
        appending(UInt128(transport.number), width: 8)
    }

    package func appending(_ port: PortNumber) -> NFTValue {
        appending(UInt128(port.value), width: 16)
    }

    /// Appends a field `classID` or `number`.
    package func appending(_ number: UInt32) -> NFTValue {
        appending(UInt128(number), width: 32)
    }

    /// Appends the last field of an element of an interval set.
    package func appending(_ range: IPPrefix) -> NFTValue {
        var result = appending(range.address)
        result.freeBits = UInt8(range.family.bitWidth - range.length)
        return result
    }

    /// Fields `address`, `transport`, `port`: a frontend.
    package init(_ socket: SocketAddress, _ transport: TransportProtocol) {
        self = NFTValue().appending(socket.address).appending(transport).appending(socket.port)
    }

    /// Fields `transport`, `port`: a node port.
    package init(_ transport: TransportProtocol, _ port: PortNumber) {
        self = NFTValue().appending(transport).appending(port)
    }

    /// Fields `address`, `port`: an endpoint.
    package init(_ socket: SocketAddress) {
        self = NFTValue().appending(socket.address).appending(socket.port)
    }

    /// The field `address`.
    package init(_ address: IPAddress) {
        self = NFTValue().appending(address)
    }

    /// The field `classID` or `number`.
    package init(_ number: UInt32) {
        self = NFTValue().appending(number)
    }

    /// Two fields, each `classID` or `number`.
    package init(_ first: UInt32, _ second: UInt32) {
        self = NFTValue().appending(first).appending(second)
    }
}

// MARK: - Reading

extension NFTValue {
    /// The content, field by field.
    package func parts(_ fields: [NFTField], _ family: IPFamily) -> [NFTPart] {
        var offset = fields.reduce(0) { $0 + $1.width(family) }
        return fields.map { field in
            let width = field.width(family)
            offset -= width
            return part(field, bits(at: offset, width: width), family, isLast: offset == 0)
        }
    }

    private func part(
        _ field: NFTField,
        _ bits: UInt128,
        _ family: IPFamily,
        isLast: Bool
    ) -> NFTPart {
        switch field {
        case .address:
            let address = IPAddress(family: family, bits: bits)
            guard isLast, freeBits > 0 else { return .address(address) }
            return .range(IPPrefix(address, length: family.bitWidth - Int(freeBits)))
        case .transport: return .transport(UInt8(bits))
        case .port: return .port(UInt16(bits))
        case .classID: return .classID(UInt32(bits))
        case .number: return .number(UInt32(bits))
        }
    }

    /// The highest key of an interval element; the lowest is `lowest`.
    package var highest: NFTValue {
        var result = lowest
        let count = Int(freeBits)
        result.word4 |= count >= 64 ? .max : (1 << UInt64(count)) - 1
        if count > 64 { result.word3 |= count >= 128 ? .max : (1 << UInt64(count - 64)) - 1 }
        return result
    }

    package var lowest: NFTValue {
        var result = self
        result.freeBits = 0
        return result
    }

    /// The interval element that holds all keys from `lowest` to `highest`; nil if they do not form
    /// a prefix of the last field, which has `width` bits.
    package init?(from lowest: NFTValue, through highest: NFTValue, width: Int) {
        var result = lowest
        let bits = lowest.bits(at: 0, width: width) ^ highest.bits(at: 0, width: width)
        let count = UInt128.bitWidth - bits.leadingZeroBitCount
        result.clearLowest(count)
        guard result == lowest else { return nil }
        result.freeBits = UInt8(count)
        guard result.highest == highest else { return nil }
        self = result
    }

    private mutating func clearLowest(_ count: Int) {
        if count >= 64 { word4 = 0 } else { word4 = (word4 >> count) << count }
        guard count > 64 else { return }
        let rest = count - 64
        if rest >= 64 { word3 = 0 } else { word3 = (word3 >> rest) << rest }
    }
}
