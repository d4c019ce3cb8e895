import CNetlink
package import DataplaneModel
import Netlink

/// The traffic of a virtual server since it was created.
package struct VirtualServerStatistics: Sendable, Equatable {
    package var traffic: TrafficCounters
    /// By real server, draining ones included.
    package var realServers: [RealServer.Key: ConnectionCounts]

    package init(traffic: TrafficCounters, realServers: [RealServer.Key: ConnectionCounts]) {
        self.traffic = traffic
        self.realServers = realServers
    }
}

/// Counters that only grow, which the kernel updates every two seconds (`IPVS_SVC_ATTR_STATS64`).
package struct TrafficCounters: Sendable, Equatable {
    /// Connections that were assigned a real server.
    package var connections: UInt64 = 0
    package var incomingPackets: UInt64 = 0
    package var outgoingPackets: UInt64 = 0
    package var incomingBytes: UInt64 = 0
    package var outgoingBytes: UInt64 = 0

    package init() {}
}

/// The present connections of a real server.
package struct ConnectionCounts: Sendable, Equatable {
    /// Established ones.
    package var active: UInt32
    /// Closing and recently closed ones, and all UDP ones.
    package var inactive: UInt32

    package init(active: UInt32, inactive: UInt32) {
        self.active = active
        self.inactive = inactive
    }
}

extension TrafficCounters {
    /// From `IPVS_STATS_ATTR_*`.
    init(_ attributes: NetlinkBytes) {
        attributes.forEachAttribute { type, value in
            switch type {
            case Int(IPVS_STATS_ATTR_CONNS): connections = value.number(UInt64.self)
            case Int(IPVS_STATS_ATTR_INPKTS): incomingPackets = value.number(UInt64.self)
            case Int(IPVS_STATS_ATTR_OUTPKTS): outgoingPackets = value.number(UInt64.self)
            case Int(IPVS_STATS_ATTR_INBYTES): incomingBytes = value.number(UInt64.self)
            case Int(IPVS_STATS_ATTR_OUTBYTES): outgoingBytes = value.number(UInt64.self)
            default: break
            }
        }
    }
}
