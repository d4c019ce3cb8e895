import Addressing
import DaemonConfiguration
import DataplaneModel
import LinuxKernel
import Planning
import Reconciling
import ServiceModel

/// The kernel side of the daemon: one reconciler per family, all on one thread of their own.
actor Dataplane {
    private let thread = DataplaneThread()
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private var configuration: DaemonConfiguration
    private var facts = NodeFacts(
        hostName: "",
        localAddresses: [],
        primaryAddresses: [],
        tcpIsLiberal: false
    )
    private var families: [IPFamily] = []
    private var dataplanes: [any FamilyDataplane] = []
    private var others: [OtherModes] = []
    private var hasRetiredOthers = false
    private var sensor: DriftSensor?
    /// Forgets UDP flows to endpoints that are gone, after the passes.
    nonisolated let conntrackCleaner: ConntrackCleaner
    /// Until then a mere possibility of drift is not looked into, so that somebody's busy iptables
    /// does not keep us reading tables.
    private var nextLook = ContinuousClock.now
    /// The family whose turn it is in the next resync.
    private var resyncTurn = 0

    /// A look into the tables may take this part of the time between two looks.
    private static let lookShare = 20

    /// Touches nothing before `start`.
    init(_ configuration: DaemonConfiguration) {
        self.configuration = configuration
        conntrackCleaner = ConntrackCleaner(namespace: configuration.networkNamespace)
    }

    /// What is amiss with the kernel, for the log.
    func kernelProblems() -> [String] {
        let mode = configuration.mode.installed
        let findings = mode.capabilities(families, configuration).filter { $0.level > .good }
        return findings.map { "\($0.subject): \($0.detail)" } + prepareHost()
    }

    /// Sets what the configuration asks of the host; returns what could not be set.
    private func prepareHost() -> [String] {
        configuration.mode.installed.prepareHost(configuration)
            + ConntrackSettings(configuration.conntrack).apply().map(\.description)
    }

    /// Chooses the mode if that is left to it, enters the namespace for good and finds out which
    /// families there are.
    func start() throws(DataplaneError) -> (
        mode: DaemonConfiguration.Mode, reason: String?, families: [IPFamily]
    ) {
        var reason: String?
        configuration = try configuration.choosingMode { reason = $0.reason }
        let kernel = try Kernel(configuration)
        families = try kernel.families()
        let mode = configuration.mode.installed
        if !mode.tables.isEmpty {
            sensor = try DriftSensor(families: families, tables: mode.tables, lock: kernel.lock)
        }
        facts = NodeFacts.observe()
        let settings = PlannerSettings(configuration, facts: facts)
        dataplanes = families.map { Self.dataplane(mode, $0, settings, kernel) }
        others = families.map { OtherModes($0, kernel) }
        return (configuration.mode, reason, families)
    }

    private static func dataplane<Mode: InstalledMode>(
        _ mode: Mode.Type,
        _ family: IPFamily,
        _ settings: PlannerSettings,
        _ kernel: borrowing Kernel
    ) -> any FamilyDataplane {
        ModeDataplane(mode, family, settings, kernel)
    }

    /// Takes over another configuration; every Service has to be planned anew then. Namespace,
    /// lock, mode and families stay as they were at the start. Returns what could not be set.
    func reconfigure(_ new: DaemonConfiguration) -> [String] {
        let mode = configuration.mode
        configuration = new
        configuration.mode = mode
        replan()
        return prepareHost()
    }

    /// Looks at the node's own addresses again; true if they changed in a way that matters, and
    /// every Service has to be planned anew.
    func addressesChanged() -> Bool {
        var now = NodeFacts.observe()
        now.cluster = facts.cluster
        return take(now)
    }

    /// Takes over what the cluster says of the node; true as for `addressesChanged`.
    func learn(_ cluster: ClusterFacts) -> Bool {
        var now = facts
        now.cluster = cluster
        return take(now)
    }

    private func take(_ now: NodeFacts) -> Bool {
        guard now != facts else { return false }
        let before = PlannerSettings(configuration, facts: facts)
        let after = PlannerSettings(configuration, facts: now)
        facts = now
        guard before.effective(configuration.mode) != after.effective(configuration.mode) else {
            return false
        }
        replan()
        return true
    }

    /// Whether somebody else seems to have changed our tables.
    func hasDrifted() throws(DataplaneError) -> Bool {
        for dataplane in dataplanes where try dataplane.hasDrifted() { return true }
        return switch try sensor?.suspicion() ?? .none {
        case .none: false
        case .certain: true
        case .possible: ContinuousClock.now >= nextLook
        }
    }

    /// Does what time has brought since the last call.
    func attend() throws(DataplaneError) {
        for index in dataplanes.indices { try dataplanes[index].attend() }
        for other in others { try other.attend() }
    }

    /// One pass over all families. A family's failure does not keep the others from theirs. With
    /// `explain` the report has each operation in words.
    func pass(
        _ update: SnapshotUpdate,
        _ kind: PassScheduler.PassKind,
        explain: Bool = false
    ) -> PassReport {
        let clock = ContinuousClock()
        let began = clock.now
        var report = PassReport(kind: kind)
        let full = kind == .full
        let resynced = kind == .resync && !dataplanes.isEmpty ? resyncTurn % dataplanes.count : nil
        if resynced != nil { resyncTurn += 1 }
        if full {
            attempt("drift sensor", &report) { () throws(DataplaneError) in
                try sensor?.willObserve()
            }
        }
        for index in dataplanes.indices {
            let family = dataplanes[index].family
            let name = family.rawValue
            dataplanes[index].isExplaining = explain
            var outcome: FamilyPassReport?
            attempt(name, &report) { () throws(DataplaneError) in
                outcome = try dataplanes[index].pass(update, observe: full || index == resynced)
                // Switched off, what changed waits until it is switched on.
                guard configuration.conntrack.cleanStaleUDP else { return }
                conntrackCleaner.request(family, dataplanes[index].takeFlowRequest())
            }
            let done = outcome ?? FamilyPassReport()
            report.add(done)
            if explain {
                let lines = dataplanes[index].appliedText.split(separator: "\n")
                report.operationLines += lines.prefix(PassReport.explained).map { "\(name): \($0)" }
            }
            report.families.append(
                .init(
                    family: dataplanes[index].family,
                    report: outcome,
                    counts: dataplanes[index].tally.total,
                    healthChecks: dataplanes[index].tally.healthChecks,
                    ruleCounts: done.apply.operations > 0 ? dataplanes[index].ruleCounts : [:],
                    issues: dataplanes[index].issues
                )
            )
            if dataplanes[index].needsSecondLook { report.needsSecondLook = true }
            report.failures += dataplanes[index].failures.map { "\(name): \($0)" }
            report.issues += dataplanes[index].issues.map { "\(name): \($0)" }
        }
        if report.errors.isEmpty { report.failures += dataplanes.compactMap { $0.finish() } }
        retireOthers(&report)
        attempt("drift sensor", &report) { () throws(DataplaneError) in
            try sensor?.acknowledge()
            for index in dataplanes.indices { try dataplanes[index].acknowledge() }
        }
        report.services = dataplanes.map(\.serviceCount).max() ?? 0
        report.settings = PlannerSettings(configuration, facts: facts)
        report.duration = clock.now - began
        if full { nextLook = clock.now.advanced(by: report.duration * Self.lookShare) }
        return report
    }

    /// Once, as soon as this mode serves; what cannot be removed is tried again.
    private func retireOthers(_ report: inout PassReport) {
        guard !hasRetiredOthers, report.kind == .full else { return }
        guard report.errors.isEmpty, report.failures.isEmpty else { return }
        for other in others {
            let name = other.family.rawValue
            var done = ApplyReport()
            attempt("what another mode left, \(name)", &report) { () throws(DataplaneError) in
                done = try other.retire()
            }
            report.retired += done.operations
            report.failures += done.failures.map { "\(name): \($0)" }
        }
        hasRetiredOthers = report.errors.isEmpty && report.failures.isEmpty
    }

    private func attempt(
        _ what: String,
        _ report: inout PassReport,
        _ body: () throws(DataplaneError) -> Void
    ) {
        do throws(DataplaneError) {
            try body()
        } catch {
            report.errors.append("\(what): \(error)")
        }
    }

    private func replan() {
        let settings = PlannerSettings(configuration, facts: facts)
        for index in dataplanes.indices { dataplanes[index].replan(settings) }
    }
}

extension PlannerSettings {
    /// Without what does not count: but for ipvs mode, interface addresses matter to node port
    /// ranges only.
    fileprivate func effective(_ mode: DaemonConfiguration.Mode) -> PlannerSettings {
        if case .ranges = nodePortAddresses { return self }
        guard mode != .ipvs else { return self }
        var settings = self
        settings.localAddresses = []
        return settings
    }
}
