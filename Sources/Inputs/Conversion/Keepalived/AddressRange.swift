import Addressing
import PrintableText

/// The ways in which keepalived writes several addresses.
enum AddressRange {
    struct Failure: Error {
        var reason: String
    }

    /// `192.0.2.1`, `192.0.2.1-10` (the last part up to 10, hexadecimal for IPv6),
    /// `192.0.2.250-192.0.3.10` or `192.0.2.8/29`.
    static func addresses(_ text: String, most: Int) throws(Failure) -> [IPAddress] {
        let bounds = try bounds(text)
        guard bounds.first.family == bounds.last.family, bounds.first.bits <= bounds.last.bits
        else { throw Failure(reason: "\(quoted(text)) ends before it begins") }
        let count = bounds.last.bits - bounds.first.bits
        guard count < UInt128(most) else {
            throw Failure(reason: "\(quoted(text)) has more than \(most) addresses")
        }
        return (0...count).map {
            IPAddress(family: bounds.first.family, bits: bounds.first.bits + $0)
        }
    }

    private static func bounds(
        _ text: String
    ) throws(Failure) -> (first: IPAddress, last: IPAddress) {
        if text.contains("/"), let prefix = IPPrefix(text) {
            let host = UInt128(prefix.family.bitWidth - prefix.length)
            let last = host >= 128 ? UInt128.max : prefix.address.bits | ((1 << host) - 1)
            return (prefix.address, IPAddress(family: prefix.family, bits: last))
        }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(ends.count), let first = IPAddress(ends[0]) else {
            throw Failure(reason: "\(quoted(text)) is not an address")
        }
        guard ends.count == 2 else { return (first, first) }
        if let last = IPAddress(ends[1]) { return (first, last) }
        let isIPv4 = first.family == .ipv4
        guard let part = UInt128(ends[1], radix: isIPv4 ? 10 : 16), part <= (isIPv4 ? 255 : 65535)
        else { throw Failure(reason: "\(quoted(text)) is not a range of addresses") }
        let mask: UInt128 = isIPv4 ? 255 : 65535
        return (first, IPAddress(family: first.family, bits: first.bits & ~mask | part))
    }
}
