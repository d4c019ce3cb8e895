import CNetlink
package import DataplaneModel
import Netlink

/// What has gone through a virtual server since it was made.
package struct VirtualServerStatistics: Sendable, Equatable {
    package var traffic: TrafficCounters
    /// By real server, with those that drain.
    package var realServers: [RealServer.Key: ConnectionCounts]

    package init(traffic: TrafficCounters, realServers: [RealServer.Key: ConnectionCounts]) {
        self.traffic = traffic
        self.realServers = realServers
    }
}

/// Ever growing counters, which the kernel sums up every two seconds (`IPVS_SVC_ATTR_STATS64`).
package struct TrafficCounters: Sendable, Equatable {
    /// Connections that were given a real server.
    package var connections: UInt64 = 0
    package var incomingPackets: UInt64 = 0
    package var outgoingPackets: UInt64 = 0
    package var incomingBytes: UInt64 = 0
    package var outgoingBytes: UInt64 = 0

    package init() {}
}

/// How many connections a real server has now.
package struct ConnectionCounts: Sendable, Equatable {
    /// Established ones.
    package var active: UInt32
    /// Those that are closing or were closed a moment ago, and for UDP all.
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
