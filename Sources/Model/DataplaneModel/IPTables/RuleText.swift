import Addressing

/// Builds the text of rules as bytes: a plan has tens of thousands of rules, and one growing array is
/// many times cheaper than joining strings.
struct RuleText {
    private(set) var bytes: [UInt8] = []

    init(reserving capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    var string: String { String(decoding: bytes, as: UTF8.self) }

    mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
    }

    mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    mutating func append(byte: UInt8) {
        bytes.append(byte)
    }

    mutating func append(decimal number: UInt64) {
        if number >= 10 { append(decimal: number / 10) }
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
    }

    /// Without leading zeros.
    mutating func append(hex number: UInt32) {
        if number >= 16 { append(hex: number >> 4) }
        let digit = UInt8(truncatingIfNeeded: number & 15)
        bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
}

extension RuleText {
    /// The address as `inet_ntop` prints it, which is what iptables uses.
    mutating func append(_ address: IPAddress) {
        switch address.family {
        case .ipv4: append(ipv4: UInt32(truncatingIfNeeded: address.bits))
        case .ipv6: append(ipv6: address.bits)
        }
    }

    mutating func append(_ prefix: IPPrefix) {
        append(prefix.address)
        append("/")
        append(decimal: UInt64(prefix.length))
    }

    /// `10.0.0.1:80` or `[fd00::1]:80`.
    mutating func append(_ socket: SocketAddress) {
        let brackets = socket.address.family == .ipv6
        if brackets { append("[") }
        append(socket.address)
        if brackets { append("]") }
        append(":")
        append(decimal: UInt64(socket.port.value))
    }

    private mutating func append(ipv4 value: UInt32) {
        for shift in [24, 16, 8, 0] as [UInt32] {
            append(decimal: UInt64(value >> shift & 255))
            if shift > 0 { append(".") }
        }
    }

    /// Unlike RFC 5952, `inet_ntop` prints the last 32 bits of ::/96 in dotted form.
    private mutating func append(ipv6 bits: UInt128) {
        func group(_ index: Int) -> UInt32 {
            UInt32(truncatingIfNeeded: bits >> UInt128(112 - 16 * index) & 0xffff)
        }
        var zeros = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, group(end) == 0 { end += 1 }
            if end - start > max(1, zeros.count) { zeros = start..<end }
            start = end + 1
        }
        let mapped = zeros == 0..<5 && group(5) == 0xffff
        let dotted = mapped || zeros == 0..<6
        var index = 0
        while index < 8 {
            if index == zeros.lowerBound, !zeros.isEmpty {
                append("::")
                index = zeros.upperBound
                continue
            }
            if index > 0, index != zeros.upperBound || zeros.isEmpty { append(":") }
            if dotted, index == 6 {
                append(ipv4: UInt32(truncatingIfNeeded: bits))
                return
            }
            append(hex: group(index))
            index += 1
        }
    }
}

extension RuleText {
    /// As iptables-save writes text: bare if it is plain, otherwise in double quotes.
    mutating func append(quoted text: String) {
        let plain = text.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        if plain, !text.isEmpty {
            append(text)
            return
        }
        append("\"")
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "'"):
                append(byte: UInt8(ascii: "\\"))
            default: break
            }
            append(byte: byte)
        }
        append("\"")
    }

    /// A title on one line: every character that is not printable ASCII becomes `?`.
    mutating func append(title: String) {
        for byte in title.utf8 {
            append(byte: (0x20...0x7e).contains(byte) ? byte : UInt8(ascii: "?"))
        }
    }

    /// The title after a heading: a blank and `append(title:)`, empty for nil.
    static func tail(title: String?) -> String {
        guard let title else { return "" }
        var text = RuleText()
        text.append(title: title)
        return " " + text.string
    }

    /// The probability as C prints it with `%.11f`: the exact value, ties to even.
    mutating func append(_ probability: Probability) {
        // units / 2^31 * 10^11 == units * 5^11 / 2^20, which fits 64 bits.
        let scaled = UInt64(probability.units) * 48_828_125
        var quotient = scaled >> 20
        let rest = scaled & 0xf_ffff
        if rest > 0x8_0000 || (rest == 0x8_0000 && quotient & 1 == 1) { quotient += 1 }
        append(decimal: quotient / 100_000_000_000)
        append(".")
        var place: UInt64 = 10_000_000_000
        while place > 0 {
            append(byte: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: quotient / place % 10))
            place /= 10
        }
    }
}
