import Addressing
package import DataplaneModel
package import LinuxKernel
package import Planning
package import ProxyModes
package import ServiceModel

/// What the kernel has counted for one Service port in one family, all its frontends together.
package struct PortTraffic: Sendable, Equatable {
    /// Nil where the kernel does not count them.
    package var connections: UInt64?
    /// Both ways.
    package var packets: UInt64 = 0
    package var bytes: UInt64 = 0
    /// Packets that tried to open a connection and were refused: there is no endpoint.
    package var rejected: UInt64 = 0
    /// The same, dropped: there are endpoints on other nodes only.
    package var dropped: UInt64 = 0
    /// The same, dropped: the source ranges do not allow it.
    package var notAllowed: UInt64 = 0

    /// Nothing yet; `connections` is nil where the kernel does not count them.
    package init(connections: UInt64? = nil) {
        self.connections = connections
    }
}

extension IPVSMode {
    /// IPVS counts by itself. A port whose servers drain is counted until they are gone.
    package static func traffic(
        _ store: IPVSStore,
        _ owners: FrontendOwners
    ) throws(DataplaneError) -> [ServicePortName: PortTraffic]? {
        var result: [ServicePortName: PortTraffic] = [:]
        for (key, counted) in try store.statistics() {
            guard let owner = owners.owner(of: key) else { continue }
            let counts = counted.traffic
            var traffic = result[owner] ?? PortTraffic(connections: 0)
            traffic.connections = (traffic.connections ?? 0) &+ counts.connections
            traffic.packets &+= counts.incomingPackets &+ counts.outgoingPackets
            traffic.bytes &+= counts.incomingBytes &+ counts.outgoingBytes
            result[owner] = traffic
        }
        return result
    }
}

extension NFTablesMode {
    /// Nil if the table does not count, by configuration.
    package static func traffic(
        _ store: NFTablesStore,
        _ owners: FrontendOwners
    ) throws(DataplaneError) -> [ServicePortName: PortTraffic]? {
        let counters = try store.counters()
        guard NFTablesPlanner.counts(counters) else { return nil }
        return NFTablesPlanner.trafficCounts(counters, owners).mapValues { counts in
            var traffic = PortTraffic()
            traffic.packets = counts.traffic.packets
            traffic.bytes = counts.traffic.bytes
            traffic.rejected = counts.rejected
            traffic.dropped = counts.dropped
            traffic.notAllowed = counts.notAllowed
            return traffic
        }
    }
}
