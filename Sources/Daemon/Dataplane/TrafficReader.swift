package import Addressing
package import DaemonConfiguration
package import DataplaneModel
package import Planning
package import ServiceModel

/// Reads what the kernel has counted, on a thread of its own, so that no pass waits for it.
package actor TrafficReader {
    /// One reading.
    package struct Reading: Sendable {
        package var families: [IPFamily: [ServicePortName: PortTraffic]] = [:]

        /// Nothing was read.
        package init() {}
    }

    private let thread = DataplaneThread(name: "fairlead-counts")
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        thread.asUnownedSerialExecutor()
    }

    /// A reading is good for so long: a thousand scrapes are one look into the kernel.
    private static let lifetime = Duration.seconds(3)

    private let configuration: DaemonConfiguration
    private let families: [IPFamily]
    private var readers: [IPFamily: any TrafficSource]?
    private var owners: [IPFamily: FrontendOwners] = [:]
    private var ownersAreOf: (revision: UInt64, settings: PlannerSettings)?
    private var last: (reading: Reading, at: ContinuousClock.Instant)?

    package init(_ configuration: DaemonConfiguration, _ families: [IPFamily]) {
        self.configuration = configuration
        self.families = families
    }

    /// What is counted by now; of a family whose counts cannot be read, nothing.
    package func read(_ snapshot: ServiceSnapshot, _ settings: PlannerSettings) -> Reading {
        if let last, .now < last.at.advanced(by: Self.lifetime) { return last.reading }
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
        last = (reading, .now)
        return reading
    }

    /// Enters the namespace at the first call; none where that fails.
    private func sources() -> [IPFamily: any TrafficSource] {
        if let readers { return readers }
        guard let kernel = try? Kernel(configuration) else { return [:] }
        let made = families.map {
            ($0, configuration.chosenMode.installed.trafficSource($0, kernel))
        }
        let found = Dictionary(uniqueKeysWithValues: made)
        readers = found
        return found
    }
}

/// Something that counts a family's traffic.
package protocol TrafficSource {
    /// Nil where nothing is counted.
    func read(_ owners: FrontendOwners) throws(DataplaneError) -> [ServicePortName: PortTraffic]?
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
