extension IPAddress: CustomStringConvertible, LosslessStringConvertible {
    /// Parses dotted IPv4, with leading zeros read as decimal (010.0.0.1 is 10.0.0.1, because old
    /// clusters contain such values), or IPv6 text of RFC 4291; nil for anything else, zones
    /// included.
    ///
    /// An IPv4-mapped IPv6 address (::ffff:10.0.0.1) is the IPv4 address, as in Go's net.IP.
    package init?(_ text: String) {
        var text = text
        let parsed = text.withUTF8 { utf8 -> IPAddress? in
            // The parsers see the bytes while this closure runs, and keep none.
            if unsafe utf8.contains(UInt8(ascii: ":")) {
                return unsafe IPAddress.parseIPv6(utf8[...])
            }
            guard let value = unsafe IPAddress.parseIPv4(utf8[...]) else { return nil }
            return IPAddress(ipv4: value)
        }
        guard let parsed else { return nil }
        self = parsed
    }

    private static func parseIPv4(_ text: some Collection<UInt8>) -> UInt32? {
        var value: UInt32 = 0
        var parts = 0
        var part: UInt32 = 0
        var digits = 0
        for byte in text {
            if byte == UInt8(ascii: ".") {
                guard digits > 0, parts < 3 else { return nil }
                value = value << 8 | part
                parts += 1
                part = 0
                digits = 0
                continue
            }
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), digits < 8 else {
                return nil
            }
            part = part * 10 + UInt32(byte - UInt8(ascii: "0"))
            digits += 1
            guard part <= 255 else { return nil }
        }
        return parts == 3 && digits > 0 ? value << 8 | part : nil
    }

    private static func parseIPv6<Text: Collection<UInt8>>(
        _ text: Text
    ) -> IPAddress? where Text.SubSequence == Text {
        let colon = UInt8(ascii: ":")
        var head: [UInt16] = []
        var tail: [UInt16]?  // groups after "::", once seen
        var rest = text
        if rest.first == colon {
            guard rest.dropFirst().first == colon else { return nil }
            rest = rest.dropFirst(2)
            tail = []
        }
        while !rest.isEmpty {
            let end = rest.firstIndex(of: colon) ?? rest.endIndex
            let group = rest[rest.startIndex..<end]
            var groups: [UInt16]
            if group.contains(UInt8(ascii: ".")) {
                guard end == rest.endIndex, let ipv4 = parseIPv4(group) else { return nil }
                groups = [UInt16(ipv4 >> 16), UInt16(ipv4 & 0xffff)]
            } else {
                guard let value = parseHexGroup(group) else { return nil }
                groups = [value]
            }
            if tail == nil { head += groups } else { tail? += groups }
            guard end < rest.endIndex else { break }
            rest = rest[rest.index(after: end)...]
            if rest.first == colon {
                guard tail == nil else { return nil }
                tail = []
                rest = rest.dropFirst()
            } else if rest.isEmpty {
                return nil  // a single trailing colon
            }
        }
        let given = head.count + (tail?.count ?? 0)
        guard tail == nil ? given == 8 : given < 8 else { return nil }
        let groups = head + Array(repeating: 0, count: 8 - given) + (tail ?? [])
        let bits = groups.reduce(UInt128(0)) { $0 << 16 | UInt128($1) }
        if bits >> 32 == 0xffff { return IPAddress(family: .ipv4, bits: bits) }
        return IPAddress(family: .ipv6, bits: bits)
    }

    private static func parseHexGroup(_ group: some Collection<UInt8>) -> UInt16? {
        guard (1...4).contains(group.count) else { return nil }
        var value: UInt16 = 0
        for byte in group {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                value = value << 4 | UInt16(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"):
                value = value << 4 | UInt16(byte - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"):
                value = value << 4 | UInt16(byte - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
        return value
    }

    /// Dotted IPv4, or the canonical IPv6 text of RFC 5952.
    package var description: String {
        if family == .ipv4 {
            let value = UInt32(truncatingIfNeeded: bits)
            return "\(value >> 24).\(value >> 16 & 255).\(value >> 8 & 255).\(value & 255)"
        }
        let groups = (0..<8).map {
            UInt16(truncatingIfNeeded: bits >> UInt128(112 - 16 * $0))
        }
        func hex(_ groups: ArraySlice<UInt16>) -> String {
            groups.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard let zeros = IPAddress.longestZeroRun(groups) else { return hex(groups[...]) }
        return hex(groups[..<zeros.lowerBound]) + "::" + hex(groups[zeros.upperBound...])
    }

    /// The first longest run of at least two zero groups (RFC 5952 section 4.2).
    private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int>? {
        var best: Range<Int>?
        var index = 0
        while index < groups.count {
            let end = groups[index...].firstIndex { $0 != 0 } ?? groups.count
            if end - index > max(1, best?.count ?? 0) { best = index..<end }
            index = max(end, index + 1)
        }
        return best
    }
}
