package import Addressing

/// What a rule does with a packet that meets all its conditions.
package enum Target: Sendable, Hashable {
    case accept
    case drop
    case returnToCaller
    /// Continues after this rule when the chain ends.
    case jump(ChainName)
    /// Continues after the rule that jumped to *this* chain when the other chain ends.
    case goto(ChainName)
    /// `DNAT --to-destination`.
    case destinationNAT(SocketAddress)
    /// `MASQUERADE --random-fully`: source becomes the outgoing interface's address.
    case masquerade
    /// `MARK --set-xmark value/mask`: clears `mask`, then XORs `value`.
    case mark(PacketMark)
    /// `SET --map-set NAME dst,dst --map-mark`: copies the mark of the set's entry to the packet.
    /// Table `mangle` only.
    case markFromSet(IPSetName, [SetDimension])
    /// `REJECT` with ICMP or ICMPv6 port unreachable.
    case reject
    /// A whole rule that this model cannot represent, as the kernel's bytes (with the target's name
    /// in place and counters zeroed); all other fields of such a rule are empty.
    ///
    /// Only in rules that another program wrote into one of Fairlead's chains, or as a jump to one:
    /// it differs from every planned rule and so is replaced, and it cannot be encoded.
    case opaque([UInt8])
}
