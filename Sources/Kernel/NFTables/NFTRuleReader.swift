import Addressing
import CNetlink
import DataplaneModel
import Netlink

/// Translates the kernel's expressions back to statements.
///
/// Tracks the content of each register, so it does not matter which registers the rule's author used.
struct NFTRuleReader {
    /// The content of a register.
    indirect enum Content {
        case expression(NFTExpression)
        /// The first bytes of an address.
        case partOfAddress(NFTSide, bytes: Int)
        case inInterface
        case mark
        case connectionState
        case connectionStatus
        case addressType(NFTSide)
        case constant([UInt8])
        case masked(Content, mask: [UInt8], xor: [UInt8])
        case found([NFTExpression], NFTSetName)
        /// A later part of what begins in an earlier register.
        case continued
    }

    let family: IPFamily
    /// The shapes of the named sets.
    let shapes: [String: NFTSetShape]
    /// The protocols in anonymous sets, by name.
    let transports: [String: [TransportProtocol]]

    var registers: [NFTRegister: Content] = [:]
    var statements: [NFTStatement] = []

    init(
        _ family: IPFamily,
        shapes: [String: NFTSetShape],
        transports: [String: [TransportProtocol]]
    ) {
        self.family = family
        self.shapes = shapes
        self.transports = transports
    }

    /// The rule with these expressions; opaque if the model cannot express it.
    mutating func rule(_ expressions: NetlinkBytes) -> NFTRule {
        registers = [:]
        statements = []
        var isReadable = true
        expressions.forEachAttribute { _, item in
            guard isReadable else { return }
            let name = item.text(NFTA_EXPR_NAME)
            let data = item.attribute(NFTA_EXPR_DATA) ?? item.dropFirst(item.count)
            isReadable = name.map { read($0, data) } ?? false
        }
        guard isReadable else { return NFTRule(.opaque(expressions.array)) }
        return NFTRule(statements)
    }

    /// False if the model cannot express it.
    private mutating func read(_ name: String, _ data: NetlinkBytes) -> Bool {
        switch name {
        case "payload": readPayload(data)
        case "meta": readMeta(data)
        case "ct": readConnection(data)
        case "fib": readAddressType(data)
        case "bitwise": readBitwise(data)
        case "byteorder": readByteOrder(data)
        case "cmp": readComparison(data)
        case "immediate": readImmediate(data)
        case "lookup": readLookup(data)
        case "numgen": readNumberGenerator(data)
        case "hash": readHash(data)
        case "nat": readNAT(data)
        case "masq": readMasquerade(data)
        case "reject": readReject(data)
        case "dynset": readUpdate(data)
        default: false
        }
    }

    // MARK: - Registers

    /// Records the content of the `words` registers from the one that an attribute names; false if it
    /// names none.
    mutating func put(
        _ content: Content,
        words: Int = 1,
        _ attribute: some RawRepresentable<UInt32>,
        of data: NetlinkBytes
    ) -> Bool {
        guard let register = register(attribute, data) else { return false }
        for word in 0..<words {
            registers[register.advanced(by: word)] = word == 0 ? content : .continued
        }
        return true
    }

    func register(
        _ attribute: some RawRepresentable<UInt32>,
        _ data: NetlinkBytes
    ) -> NFTRegister? {
        data.number(attribute).flatMap { NFTRegister(number: $0) }
    }

    func content(
        _ attribute: some RawRepresentable<UInt32>,
        _ data: NetlinkBytes
    ) -> Content? {
        register(attribute, data).flatMap { registers[$0] }
    }

    /// The expressions in `words` words of registers; nil if their content is anything else.
    func key(from register: NFTRegister, words: Int) -> [NFTExpression]? {
        var key: [NFTExpression] = []
        var used = 0
        while used < words {
            guard let part = expression(registers[register.advanced(by: used)]) else { return nil }
            key.append(part)
            used += part.words(family)
        }
        return used == words ? key : nil
    }

    private func expression(_ content: Content?) -> NFTExpression? {
        switch content {
        case .expression(let expression): expression
        case .masked(.expression(.priority), let mask, [0, 0, 0, 0]):
            .maskedPriority(mask.hostNumber)
        default: nil
        }
    }
}

extension [UInt8] {
    /// The first four bytes as a number in host order.
    package var hostNumber: UInt32 {
        prefix(4).enumerated().reduce(0) { $0 | UInt32($1.element) << (8 * UInt32($1.offset)) }
    }
}
