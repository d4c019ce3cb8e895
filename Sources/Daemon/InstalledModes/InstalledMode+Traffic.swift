package import Addressing
package import DaemonConfiguration
package import Dataplane
package import DataplaneModel
package import IPVS
package import NFTables
package import Planning
package import ProxyModes
package import ServiceModel

extension IPVSMode {
    /// IPVS always counts. A port whose servers drain is counted until they are gone.
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

/// The counts of one family in one mode.
private struct ModeTraffic<Mode: InstalledMode>: TrafficSource {
    package let store: Mode.ModeStore

    package func read(_ owners: FrontendOwners) throws(DataplaneError) -> [ServicePortName:
        PortTraffic]?
    {
        try Mode.traffic(store, owners)
    }
}

extension InstalledMode {
    package static func trafficSource(
        _ family: IPFamily,
        _ kernel: borrowing Kernel
    ) -> any TrafficSource {
        ModeTraffic<Self>(store: store(family, kernel))
    }
}

extension TrafficReader {
    /// Of this host's kernel, in the configured mode and namespace.
    package init(_ configuration: DaemonConfiguration, _ families: [IPFamily]) {
        self.init(families) { () throws(DataplaneError) in
            let kernel = try Kernel(configuration)
            let sources = families.map {
                ($0, configuration.chosenMode.installed.trafficSource($0, kernel))
            }
            return Dictionary(uniqueKeysWithValues: sources)
        }
    }
}
