package import Addressing

/// A condition beyond addresses, interfaces and protocol: one kernel match extension each.
package enum Match: Sendable, Hashable {
    /// `-m tcp|udp|sctp --dport`; the rule's protocol must be the same.
    case destinationPort(TransportProtocol, ClosedRange<UInt16>)
    /// `-m conntrack --ctstate`.
    case connectionState(ConnectionState, inverted: Bool = false)
    /// `-m mark --mark value/mask`.
    case mark(PacketMark, inverted: Bool = false)
    /// `-m addrtype --src-type LOCAL`.
    case sourceIsLocal(inverted: Bool = false)
    /// `-m addrtype --dst-type LOCAL`.
    case destinationIsLocal(inverted: Bool = false)
    /// `-m statistic --mode random`.
    case random(Probability)
    /// `-m recent`, keyed by source address.
    case recent(RecentMatch)
    /// `-m bpf`: a classic BPF program over the packet from its network header; non-zero matches.
    case bpf([BPFInstruction])
    /// `-m set --match-set NAME dst,dst`: the parts of the packet that form the entry.
    case set(IPSetName, [SetDimension], inverted: Bool = false)
    /// `-m ipvs --ipvs`: IPVS has handled the packet.
    case ipvs(inverted: Bool = false)
    /// `-m comment`.
    case comment(String)
}

/// Which side of a packet supplies one part of a set's entry; a port is from the same side as its
/// address.
package enum SetDimension: String, Sendable, Hashable {
    case source = "src"
    case destination = "dst"
}

/// Connection tracking states (`xt_conntrack.h`); a set matches if any member does.
package struct ConnectionState: OptionSet, Sendable, Hashable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// The values are `XT_CONNTRACK_STATE_*`.
    package static let invalid = ConnectionState(rawValue: 1 << 0)
    package static let established = ConnectionState(rawValue: 1 << 1)
    package static let related = ConnectionState(rawValue: 1 << 2)
    package static let new = ConnectionState(rawValue: 1 << 3)
    /// The original source was translated.
    package static let snat = ConnectionState(rawValue: 1 << 6)
    /// The original destination was translated.
    package static let dnat = ConnectionState(rawValue: 1 << 7)
    /// Excluded from connection tracking.
    package static let untracked = ConnectionState(rawValue: 1 << 8)
}

/// A value under a mask of the packet's mark.
package struct PacketMark: Sendable, Hashable {
    package var value: UInt32
    package var mask: UInt32

    package init(value: UInt32, mask: UInt32) {
        self.value = value
        self.mask = mask
    }

    /// A single bit, set.
    package init(bit: UInt32) {
        self.init(value: bit, mask: bit)
    }
}

/// A probability in units of 2^-31, as `xt_statistic` stores it.
package struct Probability: Sendable, Hashable {
    package var units: UInt32

    package init(units: UInt32) {
        self.units = units
    }

    /// `numerator`/`denominator`, rounded to the nearest unit; 0 < numerator <= denominator.
    package init(_ numerator: Int, outOf denominator: Int) {
        let scaled = UInt64(numerator) << 31
        units = UInt32((scaled + UInt64(denominator) / 2) / UInt64(denominator))
    }

    /// The probability as a number in 0...1.
    package var fraction: Double { Double(units) / 2_147_483_648 }
}

/// A test or update of a named list of source addresses (`xt_recent`).
package struct RecentMatch: Sendable, Hashable {
    package enum Action: Sendable, Hashable {
        /// Adds the source or refreshes its time stamp; always matches.
        case set
        /// Matches a source seen within `seconds` and refreshes its time stamp; removes sources
        /// last seen earlier.
        case update(seconds: UInt32)
    }

    package var action: Action
    /// 1 to 199 bytes; also a file name under /proc/net/xt_recent, so it holds no slash.
    package var list: String

    package init(_ action: Action, list: String) {
        self.action = action
        self.list = list
    }
}

/// One classic BPF instruction (`struct sock_filter`).
package struct BPFInstruction: Sendable, Hashable {
    package var code: UInt16
    package var jumpTrue: UInt8
    package var jumpFalse: UInt8
    package var operand: UInt32

    package init(_ code: UInt16, jumpTrue: UInt8 = 0, jumpFalse: UInt8 = 0, operand: UInt32) {
        self.code = code
        self.jumpTrue = jumpTrue
        self.jumpFalse = jumpFalse
        self.operand = operand
    }
}
