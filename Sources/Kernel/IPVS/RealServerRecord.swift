import Addressing
import CNetlink
import DataplaneModel
import Netlink

/// A real server as the kernel keeps it (`IPVS_DEST_ATTR_*`).
package struct RealServerRecord {
    var key: RealServer.Key
    /// `IP_VS_CONN_F_*`.
    var forwarding: UInt32
    var weight: UInt32
    /// With this many connections it gets no new ones, 0 for no limit; or the end of its drain.
    var upperThreshold: UInt32 = 0
    var lowerThreshold: UInt32 = 0
    var activeConnections: UInt32 = 0
    var inactiveConnections: UInt32 = 0
}

extension RealServerRecord {
    /// The record to write for `server`.
    init(_ server: RealServer) {
        key = server.key
        forwarding = server.forwarding.rawValue
        weight = server.weight
    }

    /// A real server that gets no new connections and is deleted at `end` at the latest.
    init(draining server: RealServer, until end: DrainDeadline) {
        self.init(server)
        drain(until: end)
    }

    mutating func drain(until end: DrainDeadline) {
        weight = 0
        upperThreshold = end.threshold
        lowerThreshold = 0
    }

    /// When its drain ends; nil if it is not draining.
    var drainDeadline: DrainDeadline? {
        weight == 0 ? DrainDeadline(threshold: upperThreshold) : nil
    }

    /// Nil for a forwarding method that Fairlead does not use.
    var realServer: RealServer? {
        ForwardingMethod(rawValue: forwarding).map {
            RealServer(key, forwarding: $0, weight: weight)
        }
    }

    /// From an answer to `IPVS_CMD_GET_DEST`; nil if it has no port, or an unknown address family.
    init?(_ message: NetlinkMessage, family: IPFamily) {
        guard let attributes = message.attributes.attribute(IPVS_CMD_ATTR_DEST) else {
            return nil
        }
        var addressFamily = UInt16(family.protocolFamily)
        var address: NetlinkBytes?
        var port: UInt128 = 0
        var (forwarding, weight): (UInt32, UInt32) = (0, 0)
        var (upper, lower): (UInt32, UInt32) = (0, 0)
        var (active, inactive): (UInt32, UInt32) = (0, 0)
        attributes.forEachAttribute { type, value in
            switch type {
            case Int(IPVS_DEST_ATTR_ADDR_FAMILY): addressFamily = value.number(UInt16.self)
            case Int(IPVS_DEST_ATTR_ADDR): address = value
            case Int(IPVS_DEST_ATTR_PORT): port = value.network(2)
            case Int(IPVS_DEST_ATTR_FWD_METHOD): forwarding = value.number(UInt32.self)
            case Int(IPVS_DEST_ATTR_WEIGHT): weight = value.number(UInt32.self)
            case Int(IPVS_DEST_ATTR_U_THRESH): upper = value.number(UInt32.self)
            case Int(IPVS_DEST_ATTR_L_THRESH): lower = value.number(UInt32.self)
            case Int(IPVS_DEST_ATTR_ACTIVE_CONNS): active = value.number(UInt32.self)
            case Int(IPVS_DEST_ATTR_INACT_CONNS): inactive = value.number(UInt32.self)
            default: break
            }
        }
        guard let family = IPFamily(protocolFamily: addressFamily),
            let key = SocketAddress(family, address, port)
        else { return nil }
        self.init(
            key: key,
            forwarding: forwarding & UInt32(IP_VS_CONN_F_FWD_MASK),
            weight: weight,
            upperThreshold: upper,
            lowerThreshold: lower,
            activeConnections: active,
            inactiveConnections: inactive
        )
    }
}
