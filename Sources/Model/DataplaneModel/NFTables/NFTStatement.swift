package import Addressing

/// The source or the destination of a packet.
package enum NFTSide: String, Sendable, Hashable, CaseIterable {
    case source = "saddr"
    case destination = "daddr"
}

/// A value that a rule reads from a packet or computes, as part of a key.
package enum NFTExpression: Sendable, Hashable {
    /// `ip saddr`, `ip6 daddr`.
    case address(NFTSide)
    /// `meta l4proto`.
    case transport
    /// `th sport`, `th dport`.
    case port(NFTSide)
    /// `ct original ip daddr`: the client's original destination.
    case originalDestination
    /// `ct original proto-dst`; can only be written in a rule that names the protocols first.
    case originalPort
    /// `meta priority`: the scratch value set by an earlier statement.
    case priority
    /// `meta priority & mask`; only as a whole key.
    case maskedPriority(UInt32)
    /// `numgen random mod n`: a random number below n.
    case random(UInt32)
    /// `numgen inc mod n`: numbers below n in turn.
    case roundRobin(UInt32)
    /// `jhash … mod n seed s`: a number below n, always the same for the same content.
    case hash([NFTExpression], modulus: UInt32, seed: UInt32)
}

/// One statement of a rule, evaluated in order. A packet that fails a condition, or whose key is
/// not in the map used, leaves the rule there.
package enum NFTStatement: Sendable, Hashable {
    // Conditions.

    /// `ip saddr 10.0.0.0/8`, `ip daddr != …`.
    case address(NFTSide, IPPrefix, inverted: Bool = false)
    /// `fib saddr type local`: an address of this node.
    case isLocal(NFTSide, inverted: Bool = false)
    /// `iifname "eth0"`, `iifname "cali*"`.
    case inInterface(InterfaceMatch)
    /// `meta l4proto { tcp, udp, sctp }`; one or more, each once, in their order.
    case transports([TransportProtocol])
    /// `ct state new`; any of `invalid`, `established`, `related`, `new`, `untracked`.
    case connectionState(ConnectionState)
    /// `ct status dnat`: the connection's destination was translated.
    case translated
    /// `meta mark & mask == value`.
    case mark(PacketMark, inverted: Bool = false)
    /// `ip daddr . meta l4proto . th dport @set`: the key is in the set.
    case contained([NFTExpression], in: NFTSetName, inverted: Bool = false)

    // Effects.

    /// `meta priority set 1:0`.
    case setPriority(UInt32)
    /// `meta priority set meta priority & mask`.
    case maskPriority(UInt32)
    /// `meta priority set … map @map`; a missing key ends the rule without a change.
    case setPriorityFromMap([NFTExpression], NFTSetName)
    /// `meta mark set meta mark | bits`.
    case setMarkBits(UInt32)
    /// `meta mark set meta mark & ~bits`.
    case clearMarkBits(UInt32)
    /// `update @map { ip saddr timeout 3h : meta priority }`: adds the element, or restarts the
    /// timeout of an existing one, which keeps its value. Keys of more than 16 bytes cannot be
    /// written: nft 1.0.6 has one register too few for them.
    case update(NFTSetName, key: [NFTExpression], data: NFTExpression, timeoutSeconds: UInt32)
    /// `delete @map { ip saddr : meta priority }`: removes the element with this key, if any,
    /// whatever its value.
    case delete(NFTSetName, key: [NFTExpression], data: NFTExpression)

    // Verdicts: they end the rule.

    /// `dnat ip to … map @map`; a missing key only ends the rule.
    case destinationNAT([NFTExpression], NFTSetName)
    /// `masquerade fully-random`: the source becomes the outgoing interface's address.
    case masquerade
    /// `reject`: ICMP or ICMPv6 port unreachable.
    case reject
    case verdict(NFTVerdict)
    /// `… vmap @map`; a missing key only ends the rule.
    case verdictMap([NFTExpression], NFTSetName)

    /// A whole rule that this model cannot represent, as the kernel's bytes.
    ///
    /// Only in observed rules, as the only statement: it differs from every planned rule and so is
    /// replaced, and it cannot be encoded.
    case opaque([UInt8])
}

/// Where a packet continues.
package enum NFTVerdict: Sendable, Hashable {
    /// Leaves the base chain; other chains of the hook still run.
    case accept
    case drop
    case returnToCaller
    /// Continues after this rule when the chain ends.
    case jump(NFTChainName)
    /// Continues after the rule that jumped to *this* chain when the other chain ends.
    case goto(NFTChainName)

    /// The target chain.
    package var chain: NFTChainName? {
        switch self {
        case .jump(let chain), .goto(let chain): chain
        case .accept, .drop, .returnToCaller: nil
        }
    }
}
