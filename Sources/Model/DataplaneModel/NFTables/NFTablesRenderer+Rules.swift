import Addressing

extension NFTablesRenderer {
    func append(_ rule: NFTRule, to text: inout RuleText) {
        for (index, statement) in rule.statements.enumerated() {
            if index > 0 { text.append(" ") }
            append(statement, to: &text)
        }
    }

    private func append(_ statement: NFTStatement, to text: inout RuleText) {
        switch statement {
        case .address(let side, let prefix, let inverted):
            append(.address(side), to: &text)
            text.append(inverted ? " != " : " ")
            if prefix.isSingleAddress { text.append(prefix.address) } else { text.append(prefix) }
        case .isLocal(let side, let inverted):
            text.append("fib \(side.rawValue) type \(inverted ? "!= " : "")local")
        case .inInterface(let match):
            text.append("iifname \(match.inverted ? "!= " : "")")
            text.append("\"\(match.name)\(match.isPrefix ? "*" : "")\"")
        case .transports(let transports):
            let words = transports.map(\.keyword).joined(separator: ", ")
            text.append("meta l4proto \(transports.count == 1 ? words : "{ \(words) }")")
        case .connectionState(let state): text.append("ct state \(state.nftWords)")
        case .translated: text.append("ct status dnat")
        case .mark(let mark, let inverted):
            text.append("meta mark & ")
            text.append(mark: mark.mask)
            text.append(inverted ? " != " : " == ")
            text.append(mark: mark.value)
        case .contained(let key, let set, let inverted):
            append(key, to: &text)
            text.append(inverted ? " != @" : " @")
            text.append(set.text)
        case .opaque(let bytes):
            text.append("# opaque ")
            for byte in bytes { text.append(hexByte: byte) }
        default: appendAction(statement, to: &text)
        }
    }

    private func appendAction(_ statement: NFTStatement, to text: inout RuleText) {
        switch statement {
        case .setPriority(let value):
            text.append("meta priority set ")
            text.append(classID: value)
        case .maskPriority(let mask):
            text.append("meta priority set ")
            append(.maskedPriority(mask), to: &text)
        case .setPriorityFromMap(let key, let map):
            text.append("meta priority set ")
            appendLookup(key, map, to: &text)
        case .setMarkBits(let bits):
            text.append("meta mark set meta mark | ")
            text.append(mark: bits)
        case .clearMarkBits(let bits):
            text.append("meta mark set meta mark & ")
            text.append(mark: ~bits)
        case .update(let map, let key, let data, let seconds):
            text.append("update @\(map) { ")
            append(key, to: &text)
            text.append(" timeout \(Self.duration(seconds)) : ")
            append(data, to: &text)
            text.append(" }")
        case .delete(let map, let key, let data):
            text.append("delete @\(map) { ")
            append(key, to: &text)
            text.append(" : ")
            append(data, to: &text)
            text.append(" }")
        case .destinationNAT(let key, let map):
            text.append("dnat \(family == .ipv4 ? "ip" : "ip6") to ")
            appendLookup(key, map, to: &text)
        case .masquerade: text.append("masquerade fully-random")
        case .reject: text.append("reject")
        case .verdict(let verdict): text.append(verdict)
        case .verdictMap(let key, let map):
            append(key, to: &text)
            text.append(" vmap @\(map)")
        case .address, .isLocal, .inInterface, .transports, .connectionState, .translated, .mark,
            .contained, .opaque:
            break
        }
    }

    private func appendLookup(
        _ key: [NFTExpression],
        _ map: NFTSetName,
        to text: inout RuleText
    ) {
        append(key, to: &text)
        text.append(" map @\(map)")
    }

    private func append(_ key: [NFTExpression], to text: inout RuleText) {
        for (index, expression) in key.enumerated() {
            if index > 0 { text.append(" . ") }
            append(expression, to: &text)
        }
    }

    private func append(_ expression: NFTExpression, to text: inout RuleText) {
        switch expression {
        case .address(let side):
            text.append(family == .ipv4 ? "ip " : "ip6 ")
            text.append(side.rawValue)
        case .transport: text.append("meta l4proto")
        case .port(let side): text.append(side == .source ? "th sport" : "th dport")
        case .originalDestination:
            text.append("ct original \(family == .ipv4 ? "ip" : "ip6") daddr")
        case .originalPort: text.append("ct original proto-dst")
        case .priority: text.append("meta priority")
        case .maskedPriority(let mask):
            text.append("meta priority & ")
            text.append(classID: mask)
        case .random(let modulus): text.append("numgen random mod \(modulus)")
        case .roundRobin(let modulus): text.append("numgen inc mod \(modulus)")
        case .hash(let content, let modulus, let seed):
            text.append("jhash ")
            append(content, to: &text)
            text.append(" mod \(modulus) seed 0x")
            text.append(hex: seed)
        }
    }

    /// `3h`, `1m30s`, as nft prints it.
    private static func duration(_ seconds: UInt32) -> String {
        let parts = [
            (seconds / 86400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"),
            (seconds % 60, "s"),
        ]
        let text = parts.filter { $0.0 > 0 }.map { "\($0.0)\($0.1)" }.joined()
        return text.isEmpty ? "0s" : text
    }
}

extension ConnectionState {
    /// nft's states, in the order in which it prints them.
    package static let nftStates: [(state: ConnectionState, word: String)] = [
        (.invalid, "invalid"), (.new, "new"), (.established, "established"),
        (.related, "related"), (.untracked, "untracked"),
    ]

    fileprivate var nftWords: String {
        Self.nftStates.filter { contains($0.state) }.map(\.word).joined(separator: ",")
    }
}

extension RuleText {
    /// `0x00004000`.
    fileprivate mutating func append(mark: UInt32) {
        append("0x")
        for shift in stride(from: UInt32(28), through: 0, by: -4) {
            append(hex: mark >> shift & 15)
        }
    }

    fileprivate mutating func append(hexByte byte: UInt8) {
        append(hex: UInt32(byte >> 4))
        append(hex: UInt32(byte & 15))
    }
}
