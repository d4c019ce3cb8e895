package import Addressing
package import DataplaneModel
package import Planning
package import ServiceModel

/// Reads the kernel's counters on a thread of its own, so that no pass waits for it.
package actor TrafficReader {
    /// One reading.
    package struct Reading: Sendable {
        package var families: [IPFamily: [ServicePortName: PortTraffic]] = [:]

        /// Nothing was read.
        package init() {}
    }

    private let thread = DataplaneThread(name: "fairlead-counts")
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        // This actor keeps the thread as long as it lives.
        unsafe thread.asUnownedSerialExecutor()
    }

    /// How long a reading is reused: a thousand scrapes cause one look into the kernel.
    private static let lifetime = Duration.seconds(3)

    private let families: [IPFamily]
    private let now: @Sendable () -> ContinuousClock.Instant
    private let open: @Sendable () throws(DataplaneError) -> [IPFamily: any TrafficSource]
    private var readers: [IPFamily: any TrafficSource]?
    private var owners: [IPFamily: FrontendOwners] = [:]
    private var ownersAreOf: (revision: UInt64, settings: PlannerSettings)?
    private var last: (reading: Reading, at: ContinuousClock.Instant)?

    /// `open` is called on the reader's thread at the first reading, and again until it succeeds.
    package init(
        _ families: [IPFamily],
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        _ open: @escaping @Sendable () throws(DataplaneError) -> [IPFamily: any TrafficSource]
    ) {
        self.families = families
        self.now = now
        self.open = open
    }

    /// The present counts, without the families whose counts cannot be read.
    package func read(_ snapshot: ServiceSnapshot, _ settings: PlannerSettings) -> Reading {
        if let last, now() < last.at.advanced(by: Self.lifetime) { return last.reading }
        if ownersAreOf?.revision != snapshot.revision || ownersAreOf?.settings != settings {
            for family in families {
                owners[family] = FrontendOwners(snapshot, family: family, settings: settings)
            }
            ownersAreOf = (snapshot.revision, settings)
        }
        var reading = Reading()
        for (family, reader) in sources() {
            guard let owners = owners[family] else { continue }
            reading.families[family] = try? reader.read(owners)
        }
        last = (reading, now())
        return reading
    }

    /// None where that fails.
    private func sources() -> [IPFamily: any TrafficSource] {
        if let readers { return readers }
        guard let opened = try? open() else { return [:] }
        readers = opened
        return opened
    }
}

/// Something that counts a family's traffic.
package protocol TrafficSource {
    /// Nil where nothing is counted; fails as the kernel does.
    func read(_ owners: FrontendOwners) throws(DataplaneError) -> [ServicePortName: PortTraffic]?
}

/// What the kernel has counted for all frontends of one Service port in one family.
package struct PortTraffic: Codable, Sendable, Equatable {
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
