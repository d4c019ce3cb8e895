import Addressing
import DaemonConfiguration
import DataplaneModel
import Planning
import Reconciling
import ServiceModel
import Synchronization

/// Reads what the kernel has counted, on a thread of its own, so that no pass waits for it.
actor TrafficReader {
    /// One reading.
    struct Reading: Sendable {
        var families: [IPFamily: [ServicePortName: PortTraffic]] = [:]
    }

    private let thread = DataplaneThread(name: "fairlead-counts")
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// A reading is good for so long: a thousand scrapes are one look into the kernel.
    private static let lifetime = Duration.seconds(3)

    private let configuration: DaemonConfiguration
    private let families: [IPFamily]
    private var readers: [IPFamily: any TrafficSource]?
    private var owners: [IPFamily: FrontendOwners] = [:]
    private var ownersAreOf: (revision: UInt64, settings: PlannerSettings)?
    private var last: (reading: Reading, at: ContinuousClock.Instant)?

    init(_ configuration: DaemonConfiguration, _ families: [IPFamily]) {
        self.configuration = configuration
        self.families = families
    }

    /// What is counted by now; of a family whose counts cannot be read, nothing.
    func read(_ snapshot: ServiceSnapshot, _ settings: PlannerSettings) -> Reading {
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
        let made = families.map { ($0, configuration.mode.installed.trafficSource($0, kernel)) }
        let found = Dictionary(uniqueKeysWithValues: made)
        readers = found
        return found
    }
}

/// Something that counts a family's traffic.
protocol TrafficSource {
    /// Nil where nothing is counted.
    func read(_ owners: FrontendOwners) throws(DataplaneError) -> [ServicePortName: PortTraffic]?
}

/// The counts of one family in one mode.
private struct ModeTraffic<Mode: InstalledMode>: TrafficSource {
    let store: Mode.ModeStore

    func read(_ owners: FrontendOwners) throws(DataplaneError) -> [ServicePortName: PortTraffic]? {
        try Mode.traffic(store, owners)
    }
}

extension InstalledMode {
    static func trafficSource(
        _ family: IPFamily,
        _ kernel: borrowing Kernel
    ) -> any TrafficSource {
        ModeTraffic<Self>(store: store(family, kernel))
    }

    /// Nothing is counted.
    static func traffic(
        _ store: ModeStore,
        _ owners: FrontendOwners
    ) throws(DataplaneError) -> [ServicePortName: PortTraffic]? { nil }
}

/// The value of `body` if it comes in time, else nil; `body` then goes on for itself.
func valueInTime<Value: Sendable>(
    _ limit: Duration,
    _ body: @escaping @Sendable () async -> Value
) async -> Value? {
    await withCheckedContinuation { (continuation: CheckedContinuation<Value?, Never>) in
        let first = FirstOnly(continuation)
        Task { first.resume(await body()) }
        Task {
            try? await Task.sleep(for: limit)
            first.resume(nil)
        }
    }
}

/// Resumes a continuation once, whoever comes first.
private final class FirstOnly<Value: Sendable>: Sendable {
    private let continuation: Mutex<CheckedContinuation<Value?, Never>?>

    init(_ continuation: CheckedContinuation<Value?, Never>) {
        self.continuation = Mutex(continuation)
    }

    func resume(_ value: Value?) {
        let waiting = continuation.withLock { waiting in
            defer { waiting = nil }
            return waiting
        }
        waiting?.resume(returning: value)
    }
}
