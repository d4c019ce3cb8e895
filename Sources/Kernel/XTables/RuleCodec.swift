package import Addressing
import CIPTables
package import DataplaneModel

/// Translates rules to the kernel's bytes and back, without I/O.
///
/// Extension revisions are those that iptables 1.8.9 uses itself, so that it can print them, and that
/// kernels 6.1 to 6.18 accept.
package struct RuleCodec: Sendable {
    package let family: IPFamily
    package let layout: EntryLayout
    /// Rules have the names of sets, and the kernel's bytes their numbers.
    let sets: SetIndexes

    /// A rule that uses a set which is not in `sets` cannot be encoded, and decodes as opaque.
    package init(family: IPFamily, sets: SetIndexes = SetIndexes()) {
        self.family = family
        self.sets = sets
        layout = EntryLayout.of(family)
    }

    /// Fills `entry` with the rule in libiptc's form, in which a jump has its chain's name in the target.
    ///
    /// - Throws: the reason why the rule has no such form.
    package func encode(
        _ rule: Rule,
        into entry: inout RuleEntry
    ) throws(UnencodableRule) {
        entry.reset(to: layout.size)
        try encode(rule.source, layout.source, &entry)
        try encode(rule.destination, layout.destination, &entry)
        try encode(rule.inInterface, layout.inInterface, &entry)
        try encode(rule.outInterface, layout.outInterface, &entry)
        if let transport = rule.transport {
            entry.store(UInt16(transport.number), at: layout.transport)
            entry.store(entry.bytes[layout.flags] | layout.transportFlag, at: layout.flags)
        }
        for match in rule.matches { try encode(match, of: rule, into: &entry) }
        // Both offsets are 16 bits wide, and a target has at most 80 bytes.
        guard entry.count < 65_000 else { throw UnencodableRule("it takes more than 64 KiB") }
        entry.store(UInt16(entry.count), at: layout.targetOffset)
        try encode(rule.target, of: rule, into: &entry)
        entry.store(UInt16(entry.count), at: layout.nextOffset)
    }

    /// The rule that encodes to exactly these bytes; a rule with an opaque target if there is none.
    package func decode(_ entry: RuleEntry) -> Rule {
        var again = RuleEntry()
        return decode(entry, scratch: &again)
    }

    /// The same with storage for the second encoding, which proves that nothing was overlooked.
    func decode(_ entry: RuleEntry, scratch: inout RuleEntry) -> Rule {
        if let rule = parse(entry) {
            do throws(UnencodableRule) {
                try encode(rule, into: &scratch)
                if scratch == entry { return rule }
            } catch {}  // such as a combination of extensions that Fairlead never writes
        }
        return Rule(target: .opaque(entry.bytes))
    }
}

/// Why a rule has no form that both the kernel and iptables-restore accept.
package struct UnencodableRule: Error, Sendable, Equatable {
    package var reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}

extension RuleCodec {
    private func encode(
        _ match: PrefixMatch?,
        _ field: EntryLayout.Masked,
        _ entry: inout RuleEntry
    ) throws(UnencodableRule) {
        guard let match else { return }
        let prefix = match.prefix
        guard prefix.family == family else {
            throw UnencodableRule("\(prefix) is not \(family.rawValue)")
        }
        let width = family.bitWidth
        let ones: UInt128 = width == 128 ? .max : UInt128(1) << UInt128(width) - 1
        let host = width - prefix.length
        // A shift by all 128 bits gives zero, as it should for ::/0.
        let bits = (ones >> UInt128(host)) << UInt128(host)
        entry.store(
            networkOrder: prefix.address.bits,
            width: layout.addressWidth,
            at: field.place
        )
        entry.store(networkOrder: bits, width: layout.addressWidth, at: field.mask)
        if match.inverted { invert(field, &entry) }
    }

    /// As iptables does: a mask over the name and its terminating zero, or over the prefix alone, with a
    /// `+` behind it in the name's bytes.
    private func encode(
        _ match: InterfaceMatch?,
        _ field: EntryLayout.Masked,
        _ entry: inout RuleEntry
    ) throws(UnencodableRule) {
        guard let match else { return }
        let length = match.name.utf8.count
        guard (1..<Int(IFNAMSIZ)).contains(length) else {
            throw UnencodableRule("interface name \(match.name) has \(length) bytes, not 1 to 15")
        }
        for byte in match.name.utf8 where byte <= 0x20 || byte == UInt8(ascii: "+") {
            throw UnencodableRule("interface name \(match.name) holds a blank or a plus sign")
        }
        entry.store(match.name, at: field.place)
        if match.isPrefix, length + 1 < Int(IFNAMSIZ) {
            entry.store(UInt8(ascii: "+"), at: field.place + length)
        }
        for index in 0..<(match.isPrefix ? length : length + 1) {
            entry.store(UInt8.max, at: field.mask + index)
        }
        if match.inverted { invert(field, &entry) }
    }

    private func invert(_ field: EntryLayout.Masked, _ entry: inout RuleEntry) {
        entry.store(entry.bytes[layout.inversions] | field.inversion, at: layout.inversions)
    }
}
