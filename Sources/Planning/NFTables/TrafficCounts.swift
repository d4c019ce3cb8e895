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

    /// What a reading says of each Service port that has a frontend in the plan; zeros where the
    /// kernel has no such element.
    package func trafficCounts(
        _ counters: [NFTSetName: [NFTValue: NFTCount]]
    ) -> [ServicePortName: TrafficCounts] {
        var result: [ServicePortName: TrafficCounts] = [:]
        for claim in frontends {
            func count(_ set: TableSet) -> NFTCount {
                counters[set.name]?[claim.key] ?? NFTCount()
            }
            var counts = result[claim.owner] ?? TrafficCounts()
            switch claim.frontend {
            case .address:
                counts.traffic += count(.traffic)
                counts.rejected += count(.rejected).packets
                counts.dropped += count(.dropped).packets
                counts.notAllowed += count(.notAllowed).packets
            case .nodePort:
                counts.traffic += count(.portTraffic)
                counts.rejected += count(.rejectedPorts).packets
                counts.dropped += count(.droppedPorts).packets
            }
            result[claim.owner] = counts
        }
        return result
    }
}
