import Addressing
import CNetlink
import DataplaneModel
import Glibc
import Netlink

/// A UDP entry in the default zone, as the kernel reports it.
struct ConntrackEntry: Equatable {
    var flow: UDPFlow
    /// `CTA_TUPLE_ORIG` as received, by which the kernel finds the entry; never empty.
    var tuple: [UInt8]
    /// `CTA_ID`, which differs from that of any later entry with the same tuple.
    var identity: [UInt8]

    /// Nil for other protocols, and for other zones, which belong to other programs.
    init?(_ message: NetlinkMessage, _ family: IPFamily) {
        guard message.payload.number(UInt8.self) == family.protocolFamily else { return nil }
        var original: NetlinkBytes?
        var reply: NetlinkBytes?
        var identity: NetlinkBytes?
        var hasZone = false
        message.attributes.forEachAttribute { type, value in
            switch UInt32(type) {
            case CTA_TUPLE_ORIG.rawValue: original = value
            case CTA_TUPLE_REPLY.rawValue: reply = value
            case CTA_ID.rawValue: identity = value
            case CTA_ZONE.rawValue: hasZone = value.network(2) != 0
            default: break
            }
        }
        guard !hasZone, let original, let reply, let identity, original.count > 0,
            let began = ConntrackTuple(original, family),
            let answers = ConntrackTuple(reply, family)
        else { return nil }
        flow = UDPFlow(destination: began.destination, responder: answers.source)
        tuple = original.array
        self.identity = identity.array
    }
}

/// One direction of a UDP flow.
private struct ConntrackTuple {
    var source: SocketAddress
    var destination: SocketAddress

    init?(_ data: NetlinkBytes, _ family: IPFamily) {
        var addresses: NetlinkBytes?
        var ports: NetlinkBytes?
        var hasZone = false
        data.forEachAttribute { type, value in
            switch UInt32(type) {
            case CTA_TUPLE_IP.rawValue: addresses = value
            case CTA_TUPLE_PROTO.rawValue: ports = value
            case CTA_TUPLE_ZONE.rawValue: hasZone = value.network(2) != 0
            default: break
            }
        }
        guard !hasZone, let addresses, let ports else { return nil }
        let isIPv4 = family == .ipv4
        let names = isIPv4 ? (CTA_IP_V4_SRC, CTA_IP_V4_DST) : (CTA_IP_V6_SRC, CTA_IP_V6_DST)
        guard ports.attribute(CTA_PROTO_NUM.rawValue)?.number(UInt8.self) == UInt8(IPPROTO_UDP),
            let source = SocketAddress(
                family,
                addresses.attribute(names.0.rawValue),
                ports.attribute(CTA_PROTO_SRC_PORT.rawValue)?.network(2) ?? 0
            ),
            let destination = SocketAddress(
                family,
                addresses.attribute(names.1.rawValue),
                ports.attribute(CTA_PROTO_DST_PORT.rawValue)?.network(2) ?? 0
            )
        else { return nil }
        self.source = source
        self.destination = destination
    }
}
