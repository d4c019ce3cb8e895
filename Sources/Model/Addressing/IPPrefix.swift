/// An address range in CIDR notation; host bits are zero.
package struct IPPrefix: Sendable, Hashable, Comparable {
    /// The lowest address of the range.
    package let address: IPAddress
    /// Number of leading bits that are fixed, 0...32 or 0...128.
    package let length: Int

    /// Masks `address` to `length` bits; `length` is clamped to the family's width.
    package init(_ address: IPAddress, length: Int) {
        let width = address.family.bitWidth
        self.length = min(max(length, 0), width)
        let host = width - self.length
        let bits = host >= 128 ? 0 : (address.bits >> UInt128(host)) << UInt128(host)
        self.address = IPAddress(family: address.family, bits: bits)
    }

    /// The single address `address`/32 or /128.
    package init(_ address: IPAddress) {
        self.address = address
        length = address.family.bitWidth
    }

    package var family: IPFamily { address.family }

    /// True when the range is one address.
    package var isSingleAddress: Bool { length == family.bitWidth }

    package func contains(_ other: IPAddress) -> Bool {
        guard other.family == family else { return false }
        let host = UInt128(family.bitWidth - length)
        return host >= 128 || other.bits >> host == address.bits >> host
    }

    package func contains(_ other: IPPrefix) -> Bool {
        other.length >= length && contains(other.address)
    }

    package static func < (left: IPPrefix, right: IPPrefix) -> Bool {
        left.address == right.address ? left.length < right.length : left.address < right.address
    }
}

extension IPPrefix: CustomStringConvertible, LosslessStringConvertible {
    /// Parses `address/length`; a bare address is a range of one. Nil for anything else.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else { return nil }
        guard parts.count == 2 else {
            self.init(address)
            return
        }
        guard parts[1].allSatisfy(\.isASCIIDigit), let length = Int(parts[1]),
            length <= address.family.bitWidth
        else { return nil }
        self.init(address, length: length)
    }

    package var description: String { "\(address)/\(length)" }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}
