import Addressing
import DaemonConfiguration
import DataplaneModel
import Planning
import ServiceModel
import Synchronization

@testable import Dataplane

/// A host with one family, whose rules and socket level are in memory and note in one journal what is done.
final class SocketKernel: Sendable {
    struct Content {
        var journal: [String] = []
        /// What the programs look up.
        var level = SocketState()
        var mark = ChangeMark()
        var observations = 0
        var applyError: DataplaneError?
        var openingError: DataplaneError?
        var removalError: DataplaneError?
        var rulesError: DataplaneError?
        var dueWorkError: DataplaneError?
        var useError: DataplaneError?
        var refreshError: DataplaneError?
        var foreign: [String] = []
        var facts = NodeFacts(hostName: "node-a")
        var ruleObservations = 0
        /// What the next pass has flows checked for.
        var check = FlowCheck()
        var settings = PlannerSettings(DaemonConfiguration(), facts: NodeFacts(hostName: "node-a"))
        /// As the last pass asked for.
        var uses: FlowUses?
    }

    private let content: Mutex<Content>

    init() {
        var content = Content()
        content.level.isAttached = false
        self.content = Mutex(content)
    }

    func with<Result: Sendable>(_ body: (inout Content) -> Result) -> Result {
        content.withLock { body(&$0) }
    }

    func takeJournal() -> [String] {
        with { content in
            defer { content.journal = [] }
            return content.journal
        }
    }
}

/// Executes diffs in memory.
final class MemorySocketStore: SocketLevelStore {
    private let kernel: SocketKernel

    init(_ kernel: SocketKernel) { self.kernel = kernel }

    func observe() throws(DataplaneError) -> Observation<SocketState> {
        kernel.with { kernel in
            kernel.observations += 1
            return Observation(kernel.level, kernel.mark)
        }
    }

    func changes(since mark: ChangeMark) throws(DataplaneError) -> ForeignChanges {
        kernel.with { $0.mark }.changes(since: mark)
    }

    func performDueWork(expecting plan: SocketState?) throws(DataplaneError) {
        if let error = kernel.with({ $0.dueWorkError }) { throw error }
    }

    func apply(_ diff: SocketDiff) throws(DataplaneError) -> ApplyReport {
        if let error = kernel.with({ $0.applyError }) { throw error }
        kernel.with { kernel in
            for frontend in diff.removedFrontends {
                kernel.level.frontends[frontend] = nil
                kernel.journal.append("sockets -\(frontend)")
            }
            for change in diff.setFrontends {
                kernel.level.frontends[change.key] = change.action
                kernel.journal.append("sockets +\(change.key)")
            }
            for change in diff.groups {
                kernel.level.groups[change.number] = change.new
                let count = change.new?.slots.count ?? 0
                kernel.journal.append("sockets group of \(count)")
            }
            kernel.level.nodeAddresses.subtract(diff.removedNodeAddresses)
            kernel.level.nodeAddresses.formUnion(diff.addedNodeAddresses)
            if diff.attaches {
                kernel.level.isAttached = true
                kernel.journal.append("sockets attached")
            }
        }
        return ApplyReport(operations: diff.count)
    }

    func refresh(_ use: inout SocketUse) throws(DataplaneError) {
        if let error = kernel.with({ $0.refreshError }) { throw error }
        let count = kernel.with { $0.level.frontends.count }
        use.maps = [SocketUse.Map(name: "frontends", entries: count, capacity: 4096)]
    }

    func use() throws(DataplaneError) -> SocketUse {
        if let error = kernel.with({ $0.useError }) { throw error }
        let isAttached = kernel.with { $0.level.isAttached }
        var use = SocketUse(cgroup: "/c", attached: isAttached ? ["connect4"] : [])
        use.foreign = kernel.with { $0.foreign }
        try refresh(&use)
        return use
    }
}

final class SocketHost: DataplaneHost {
    private let kernel: SocketKernel

    init(_ kernel: SocketKernel) { self.kernel = kernel }

    func start(
        _ configuration: DaemonConfiguration
    ) throws(DataplaneError) -> (configuration: DaemonConfiguration, reason: String?) {
        (configuration, nil)
    }

    func families() throws(DataplaneError) -> [IPFamily] { [.ipv4] }
    func facts() -> NodeFacts { kernel.with { $0.facts } }
    var announcements: [Int32]? { [] }
    func isLockFree() -> Bool { true }
    func shortcomings(_ families: [IPFamily]) -> [String] { [] }
    func prepare(_ configuration: DaemonConfiguration) -> [String] { [] }

    func dataplane(
        _ family: IPFamily,
        _ settings: PlannerSettings
    ) throws(DataplaneError) -> any FamilyDataplane { Rules(kernel: kernel) }

    func leftovers(_ family: IPFamily) throws(DataplaneError) -> any ModeLeftovers { Leftovers() }

    func sockets(
        _ family: IPFamily,
        _ settings: PlannerSettings,
        _ configuration: DaemonConfiguration
    ) throws(DataplaneError) -> any SocketFamily {
        if let error = kernel.with({ $0.openingError }) { throw error }
        kernel.with { $0.journal.append("sockets opened") }
        return SocketDataplane(family, settings, MemorySocketStore(kernel))
    }

    func removeSockets(_ configuration: DaemonConfiguration) throws(DataplaneError) -> Int {
        if let error = kernel.with({ $0.removalError }) { throw error }
        return kernel.with { kernel in
            let count = kernel.level.frontends.count
            if count > 0 { kernel.journal.append("sockets removed") }
            kernel.level = SocketState()
            kernel.level.isAttached = false
            return count
        }
    }

    private struct Leftovers: ModeLeftovers {
        var family: IPFamily { .ipv4 }
        func find() throws(DataplaneError) -> [ObjectDifference] { [] }
        func retire() throws(DataplaneError) -> ApplyReport { ApplyReport() }
        func performDueWork() throws(DataplaneError) {}
    }

    private struct Rules: FamilyDataplane {
        let kernel: SocketKernel
        var stands = false
        var family: IPFamily { .ipv4 }
        var issues: [PlanIssue] { [] }
        var failures: [DataplaneError] { [] }
        var needsObservation: Bool { !stands }
        var tally: ServiceTally { ServiceTally() }
        var ruleCounts: [TableName: Int] { [:] }
        var announcements: [Int32] { [] }
        var announcesAll: Bool { true }

        mutating func pass(
            _ update: SnapshotUpdate,
            observe: Bool,
            unless hasOther: (@Sendable () -> Bool)?,
            explain: Bool
        ) throws(DataplaneError) -> FamilyPassReport {
            let error = kernel.with { kernel in
                kernel.journal.append("rules")
                if observe { kernel.ruleObservations += 1 }
                return kernel.rulesError
            }
            stands = error == nil
            if let error { throw error }
            return FamilyPassReport()
        }

        mutating func take(_ update: SnapshotUpdate) {}
        mutating func takeFlowRequest(_ uses: FlowUses) -> FlowRequest? {
            kernel.with { kernel in
                kernel.uses = uses
                defer { kernel.check = FlowCheck() }
                return FlowRequest(
                    check: kernel.check,
                    settings: kernel.settings,
                    mode: .nftables,
                    uses: uses
                )
            }
        }
        mutating func recheckNodePorts(from old: Set<IPAddress>, to new: Set<IPAddress>) {}
        func hasDrifted() throws(DataplaneError) -> Bool { false }
        func performDueWork() throws(DataplaneError) {}

        mutating func replan(_ settings: PlannerSettings) {
            stands = false
            kernel.with { $0.journal.append("rules planned") }
        }
    }
}

/// Notes in the journal when sockets are ended.
final class SocketFlows: FlowTable, Sendable {
    static let frontend: SocketAddress = {
        guard let address = SocketAddress(parsing: "10.96.0.1:53") else {
            preconditionFailure("53 is a port")
        }
        return address
    }()

    private let kernel: SocketKernel

    init(_ kernel: SocketKernel) { self.kernel = kernel }

    func localAddresses() throws(DataplaneError) -> [IPAddress] { [] }

    func deleteFlows(
        _ family: IPFamily,
        where isStale: (UDPFlow) -> Bool
    ) throws(DataplaneError) -> (deleted: Int, failures: [DataplaneError]) { (0, []) }

    func endSockets(
        _ family: IPFamily,
        _ sockets: FlowUses.Sockets,
        where isStale: (UDPFlow) -> Bool
    ) throws(DataplaneError) -> EndedSockets {
        let flow = UDPFlow(destination: Self.frontend, responder: Self.frontend)
        if isStale(flow) { kernel.with { $0.journal.append("ended, of pods: \(sockets.ofPods)") } }
        return EndedSockets()
    }
}
