import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import Dispatch
import Glibc
import Planning
import ServiceModel
import Synchronization

/// Announces each pass, and holds it until it is released.
final class PassGate: Sendable {
    /// What each pass was given, when it has begun.
    let begun: AsyncStream<SnapshotUpdate>
    private let announce: AsyncStream<SnapshotUpdate>.Continuation
    private let released = DispatchSemaphore(value: 0)
    private let holds = Mutex(false)
    private let work = Mutex<(@Sendable () -> Void)?>(nil)
    /// When something is read that is given up for other work.
    let observing: AsyncStream<Void>
    private let announceObserving: AsyncStream<Void>.Continuation

    init() {
        (begun, announce) = AsyncStream.makeStream()
        (observing, announceObserving) = AsyncStream.makeStream()
    }

    /// On the dataplane's thread: reads until there is other work; false if none comes in half a minute.
    fileprivate func observe(unless hasOther: () -> Bool) -> Bool {
        announceObserving.yield()
        let end = ContinuousClock.now + .seconds(30)
        while !hasOther(), ContinuousClock.now < end { usleep(1000) }
        return hasOther()
    }

    /// Holds passes that begin from now on.
    func hold() { holds.withLock { $0 = true } }

    /// What the next pass does before it is held.
    func give(_ body: @escaping @Sendable () -> Void) { work.withLock { $0 = body } }

    /// Releases the pass that is held, and holds no others.
    func release() {
        holds.withLock { $0 = false }
        released.signal()
    }

    /// On the dataplane's thread.
    fileprivate func pass(_ update: SnapshotUpdate) {
        let isHeld = holds.withLock { $0 }
        let work = work.withLock { work in
            defer { work = nil }
            return work
        }
        work?()
        announce.yield(update)
        if isHeld { released.wait() }
    }
}

/// A host with one family, whose passes go through a gate and change nothing.
final class HeldHost: DataplaneHost {
    private let gate: PassGate

    init(_ gate: PassGate) { self.gate = gate }

    func start(
        _ configuration: DaemonConfiguration
    ) throws(DataplaneError) -> (configuration: DaemonConfiguration, reason: String?) {
        (configuration, nil)
    }

    func families() throws(DataplaneError) -> [IPFamily] { [.ipv4] }
    func facts() -> NodeFacts { NodeFacts(hostName: "node-a") }
    var announcements: [Int32]? { nil }
    func isLockFree() -> Bool { true }
    func shortcomings(_ families: [IPFamily]) -> [String] { [] }

    func prepare(_ configuration: DaemonConfiguration) -> [String] {
        ["masquerade all: \(configuration.masquerade.all)"]
    }

    func dataplane(
        _ family: IPFamily,
        _ settings: PlannerSettings
    ) throws(DataplaneError) -> any FamilyDataplane {
        Family(family: family, gate: gate)
    }

    func leftovers(_ family: IPFamily) throws(DataplaneError) -> any ModeLeftovers {
        NoLeftovers(family: family)
    }

    func sockets(
        _ family: IPFamily,
        _ settings: PlannerSettings,
        _ configuration: DaemonConfiguration
    ) throws(DataplaneError) -> any SocketFamily {
        throw DataplaneError(kind: .unsupported, operation: "test", subject: "", errno: 95)
    }

    func removeSockets(_ configuration: DaemonConfiguration) throws(DataplaneError) -> Int { 0 }

    private struct Family: FamilyDataplane {
        let family: IPFamily
        let gate: PassGate
        var issues: [PlanIssue] { [] }
        var failures: [DataplaneError] { [] }
        var stands: Bool { true }
        var needsObservation: Bool { false }
        var tally: ServiceTally { ServiceTally() }
        var ruleCounts: [TableName: Int] { [:] }
        var announcements: [Int32] { [] }
        var announcesAll: Bool { false }

        mutating func pass(
            _ update: SnapshotUpdate,
            observe: Bool,
            unless hasOther: (@Sendable () -> Bool)?,
            explain: Bool
        ) throws(DataplaneError) -> FamilyPassReport {
            gate.pass(update)
            var report = FamilyPassReport()
            if observe, let hasOther { report.isGivenUp = gate.observe(unless: hasOther) }
            return report
        }

        mutating func take(_ update: SnapshotUpdate) {}
        mutating func takeFlowRequest(_ uses: FlowUses) -> FlowRequest? { nil }
        mutating func recheckNodePorts(from old: Set<IPAddress>, to new: Set<IPAddress>) {}
        func hasDrifted() throws(DataplaneError) -> Bool { false }
        func performDueWork() throws(DataplaneError) {}
        mutating func replan(_ settings: PlannerSettings) {}
    }

    private struct NoLeftovers: ModeLeftovers {
        let family: IPFamily

        func find() throws(DataplaneError) -> [ObjectDifference] { [] }
        func retire() throws(DataplaneError) -> ApplyReport { ApplyReport() }
        func performDueWork() throws(DataplaneError) {}
    }
}

/// Connection tracking without entries.
struct NoFlows: FlowTable {
    func localAddresses() throws(DataplaneError) -> [IPAddress] { [] }

    func deleteFlows(
        _ family: IPFamily,
        where isStale: (UDPFlow) -> Bool
    ) throws(DataplaneError) -> (deleted: Int, failures: [DataplaneError]) { (0, []) }

    func endSockets(
        _ family: IPFamily,
        _ sockets: FlowUses.Sockets,
        where isStale: (UDPFlow) -> Bool
    ) throws(DataplaneError) -> EndedSockets { EndedSockets() }
}
