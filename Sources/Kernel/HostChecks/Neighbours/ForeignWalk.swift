import Addressing
import CNetlink
import DataplaneModel

/// A message of IPv6 neighbour discovery between two ports of a bridge, as br_netfilter passes it to
/// the forward chains.
struct DiscoveryPacket {
    /// A solicitation and an advertisement (RFC 4861, 4.3 and 4.4).
    static let types: [UInt8] = [135, 136]

    /// The link by which it arrives and leaves.
    var bridge: String
    var type: UInt8

    private static let protocolNumber: UInt8 = 58

    /// The value of a field; nil if it is not known.
    func value(_ field: NFTForeignRule.Field) -> [UInt8]? {
        switch field {
        case .meta(NFT_META_NFPROTO.rawValue): [UInt8(AF_INET6)]
        case .meta(NFT_META_L4PROTO.rawValue): [Self.protocolNumber]
        case .meta(NFT_META_PROTOCOL.rawValue): [0x86, 0xdd]
        case .meta(NFT_META_IIFNAME.rawValue), .meta(NFT_META_OIFNAME.rawValue):
            Array(bridge.utf8) + Array(repeating: 0, count: max(0, 16 - bridge.utf8.count))
        case .meta(NFT_META_MARK.rawValue): [0, 0, 0, 0]
        // Neighbour discovery is never tracked (nf_conntrack_proto_icmpv6.c).
        case .connection(NFT_CT_STATE.rawValue): [1 << 6, 0, 0, 0]
        case .connection(NFT_CT_STATUS.rawValue): [0, 0, 0, 0]
        case .transport(0, 1): [type]
        case .transport(1, 1): [0]
        case .transport(0, 2): [type, 0]
        default: nil
        }
    }

    /// Whether a match of iptables holds; nil if that is not known.
    func satisfies(_ name: String, _ info: [UInt8]) -> Bool? {
        switch name {
        case "tcp", "udp", "sctp", "dccp", "multiport": false
        case "conntrack": ConntrackMatch(info).map { $0.matches(.untracked) }
        // struct ip6t_icmp: type, code[2], invflags.
        case "icmp6" where info.count >= 4 && info[3] == 0: info[0] == type
        case "comment": true
        default: nil
        }
    }
}

/// Whether a foreign chain lets a packet pass, as far as is known. Where the result of a condition is not
/// known, both are followed: only a packet that cannot pass counts as stopped.
enum ForeignOutcome: Equatable {
    case mayPass
    case stopped
    /// The end of the chain was reached.
    case end

    /// The most chains that one walk enters; in a larger ruleset the packet may pass.
    static let maxVisits = 200
}

extension NFTForeignChains {
    /// Whether the packet certainly does not pass a base chain.
    mutating func stops(_ packet: DiscoveryPacket, _ base: Base) throws(DataplaneError) -> Bool {
        var visits = 0
        switch try walk(packet, base.name, base, &visits) {
        case .mayPass: return false
        case .stopped: return true
        case .end: return base.dropsByPolicy
        }
    }

    private mutating func walk(
        _ packet: DiscoveryPacket,
        _ chain: String,
        _ base: Base,
        _ visits: inout Int
    ) throws(DataplaneError) -> ForeignOutcome {
        visits += 1
        guard visits <= ForeignOutcome.maxVisits else { return .mayPass }
        for rule in try rules(of: chain, base) {
            let holds = try judge(rule, packet, base)
            if holds == false { continue }
            guard let action = rule.action else { continue }
            switch action {
            case .accept: return .mayPass
            case .stop: if holds == true { return .stopped }
            case .returnToCaller: if holds == true { return .end }
            case .jump(let target, let isGoto):
                let outcome = try walk(packet, target, base, &visits)
                if outcome == .mayPass { return .mayPass }
                if holds == true, isGoto || outcome == .stopped { return outcome }
            default: return .mayPass
            }
        }
        return .end
    }

    /// Whether the rule's conditions hold for the packet; nil if that is not known.
    private mutating func judge(
        _ rule: NFTForeignRule,
        _ packet: DiscoveryPacket,
        _ base: Base
    ) throws(DataplaneError) -> Bool? {
        var result: Bool? = true
        var value: [UInt8]?
        for step in rule.steps {
            let holds: Bool?
            switch step {
            case .load(let field):
                value = packet.value(field)
                continue
            case .mask(let mask, let flip):
                if let known = value, known.count == mask.count, known.count == flip.count {
                    value = known.indices.map { known[$0] & mask[$0] ^ flip[$0] }
                } else {
                    value = nil
                }
                continue
            case .compare(let equal, let wanted):
                // A shorter value is compared with the beginning of a name.
                holds = value.map { $0.starts(with: wanted) == equal }
            case .lookup(let set, let inverted):
                guard let value, let keys = try keys(of: set, base) else {
                    holds = nil
                    break
                }
                holds = keys.contains(value) != inverted
            case .match(let name, let info): holds = packet.satisfies(name, info)
            case .limit, .other, .target, .translate: holds = nil
            case .accept, .stop, .jump, .returnToCaller, .note: continue
            }
            if holds == false { return false }
            if holds == nil { result = nil }
        }
        return result
    }
}

extension NFTForeignRule {
    /// The rule's decision; nil if the packet goes on to the next rule, `.other` if it is not known.
    fileprivate var action: Step? {
        for step in steps {
            switch step {
            case .accept, .stop, .jump, .returnToCaller: return step
            default: break
            }
        }
        // Without a verdict, targets and unknown expressions may still decide.
        let isPlain = steps.allSatisfy {
            switch $0 {
            case .target(let name, _): !["QUEUE", "NFQUEUE"].contains(name)
            case .other: false
            default: true
            }
        }
        return isPlain ? nil : .other
    }
}
