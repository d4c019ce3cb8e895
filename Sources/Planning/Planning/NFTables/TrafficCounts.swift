package import DataplaneModel
package import ServiceModel

/// What the table has counted for one Service port, all its frontends together.
package struct TrafficCounts: Sendable, Equatable {
    /// Packets and bytes of connections to endpoints, both ways.
    package var traffic = NFTCount()
    /// Packets that tried to open a connection and were refused: there is no endpoint.
    package var rejected: UInt64 = 0
    /// The same, dropped: there are endpoints on other nodes only.
    package var dropped: UInt64 = 0
    /// The same, dropped: the source ranges do not allow it.
    package var notAllowed: UInt64 = 0

    package init() {}
}

extension NFTablesPlanner {
    /// Whether such a reading is of a table that counts.
    package static func counts(_ counters: [NFTSetName: [NFTValue: NFTCount]]) -> Bool {
        counters[TableSet.traffic.name] != nil
    }

    /// What a reading says of each Service port that has a frontend; zeros where the kernel has no
    /// such element.
    package static func trafficCounts(
        _ counters: [NFTSetName: [NFTValue: NFTCount]],
        _ owners: FrontendOwners
    ) -> [ServicePortName: TrafficCounts] {
        var result: [ServicePortName: TrafficCounts] = [:]
        for (frontend, owner) in owners.owners {
            func count(_ set: TableSet, _ key: NFTValue) -> NFTCount {
                counters[set.name]?[key] ?? NFTCount()
            }
            let key = NFTValue(frontend)
            var counts = result[owner] ?? TrafficCounts()
            switch frontend {
            case .address:
                counts.traffic += count(.traffic, key)
                counts.rejected += count(.rejected, key).packets
                counts.dropped += count(.dropped, key).packets
                counts.notAllowed += count(.notAllowed, key).packets
            case .nodePort:
                counts.traffic += count(.portTraffic, key)
                counts.rejected += count(.rejectedPorts, key).packets
                counts.dropped += count(.droppedPorts, key).packets
            case .mark, .healthCheck, .remainder: continue
            }
            result[owner] = counts
        }
        return result
    }
}
