package import Addressing
package import DaemonConfiguration
package import DataplaneModel
import LinuxKernel
package import Planning
package import ServiceModel

/// The kernel side of the daemon: one reconciler per family, all on one thread of their own.
package actor Dataplane {
    private let thread = DataplaneThread(name: "fairlead")
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        thread.asUnownedSerialExecutor()
    }

    private var configuration: DaemonConfiguration
    private var facts = NodeFacts(
        hostName: "",
        localAddresses: [],
        primaryAddresses: [],
        tcpIsLiberal: false
    )
    private var families: [IPFamily] = []
    private var dataplanes: [any FamilyDataplane] = []
    /// Of the same families.
    private var retirements: [Retirement] = []
    private var sensor: DriftSensor?
    /// Families whose kernel state somebody may have changed: the next full pass observes them.
    private var suspects: Set<IPFamily> = []
    /// Forgets UDP flows to endpoints that are gone, after the passes.
    package nonisolated let conntrackCleaner: ConntrackCleaner
    /// Until then a mere possibility of drift is not looked into, so that somebody's busy iptables
    /// does not keep us reading tables.
    private var nextLook = ContinuousClock.now
    /// The family whose turn it is in the next resync.
    private var resyncTurn = 0

    /// A look into the tables may take this part of the time between two looks.
    private static let lookShare = 20

    /// Touches nothing before `start`.
    package init(_ configuration: DaemonConfiguration) {
        self.configuration = configuration
        conntrackCleaner = ConntrackCleaner(namespace: configuration.networkNamespace)
    }

    /// One that has started, with these parts in place of those that `start` makes.
    package init(
        _ configuration: DaemonConfiguration,
        dataplanes: sending [any FamilyDataplane],
        retirements: sending [Retirement]
    ) {
        self.configuration = configuration
        conntrackCleaner = ConntrackCleaner(namespace: configuration.networkNamespace)
        families = dataplanes.map(\.family)
        self.dataplanes = dataplanes
        self.retirements = retirements
    }

    /// What is amiss with the kernel, for the log.
    package func kernelProblems() -> [String] {
        let mode = configuration.chosenMode.installed
        let findings = mode.capabilities(families, configuration).filter { $0.level > .good }
        return findings.map { "\($0.subject): \($0.detail)" } + prepareHost()
    }

    /// Sets what the configuration asks of the host; returns what could not be set, or can't be.
    private func prepareHost() -> [String] {
        [configuration.localhostLimit(families)].compactMap(\.self)
            + configuration.chosenMode.installed.prepareHost(configuration)
            + ConntrackSettings(configuration.conntrack).apply().map(\.description)
    }

    /// Chooses the mode if that is left to it, enters the namespace for good and finds out which
    /// families there are.
    package func start() throws(DataplaneError) -> (
        mode: ProxyMode, reason: String?, families: [IPFamily]
    ) {
        var reason: String?
        configuration = try configuration.choosingMode { reason = $0.reason }
        let kernel = try Kernel(configuration)
        families = try kernel.families()
        let mode = configuration.chosenMode.installed
        if !mode.tables.isEmpty {
            sensor = try DriftSensor(families: families, tables: mode.tables, lock: kernel.lock)
        }
        facts = NodeFacts.observe()
        let settings = PlannerSettings(configuration, facts: facts)
        dataplanes = families.map { Self.dataplane(mode, $0, settings, kernel) }
        retirements = families.map { Retirement(OtherModes($0, kernel)) }
        return (configuration.chosenMode, reason, families)
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
    package func reconfigure(_ new: DaemonConfiguration) -> [String] {
        let mode = configuration.mode
        configuration = new
        configuration.mode = mode
        replan()
        return prepareHost()
    }

    /// Looks at the node's own addresses again; true if they changed in a way that matters, and
    /// every Service has to be planned anew.
    package func addressesChanged() -> Bool {
        var now = NodeFacts.observe()
        now.cluster = facts.cluster
        return take(now)
    }

    /// Takes over what the cluster says of the node; true as for `addressesChanged`.
    package func learn(_ cluster: ClusterFacts) -> Bool {
        var now = facts
        now.cluster = cluster
        return take(now)
    }

    private func take(_ now: NodeFacts) -> Bool {
        guard now != facts else { return false }
        let before = PlannerSettings(configuration, facts: facts)
        let after = PlannerSettings(configuration, facts: now)
        facts = now
        guard
            before.effective(configuration.chosenMode) != after.effective(configuration.chosenMode)
        else {
            return false
        }
        replan()
        return true
    }

    /// Whether somebody else seems to have changed our tables. The families where it seems so are
    /// observed by the next full pass, and no others.
    package func hasDrifted() throws(DataplaneError) -> Bool {
        do throws(DataplaneError) {
            for dataplane in dataplanes where try dataplane.hasDrifted() {
                suspects.insert(dataplane.family)
            }
            let signs = try sensor?.signs() ?? DriftSensor.Signs()
            suspects.formUnion(signs.certain)
            if ContinuousClock.now >= nextLook { suspects.formUnion(signs.possible) }
        } catch {
            suspects.formUnion(families)
            throw error
        }
        return !suspects.isEmpty
    }

    /// Returns when the thread is free: a sign that it lives.
    package func answer() {}

    /// Does what time has brought since the last call.
    package func attend() throws(DataplaneError) {
        do throws(DataplaneError) {
            for index in dataplanes.indices { try dataplanes[index].attend() }
            for retirement in retirements { try retirement.attend() }
        } catch {
            suspects.formUnion(families)
            throw error
        }
    }

    /// One pass over all families. A family's failure does not keep the others from theirs. With
    /// `explain` the report has each operation in words.
    ///
    /// A full pass observes the families whose state in the kernel is not known for sure.
    package func pass(
        _ update: SnapshotUpdate,
        _ kind: PassKind,
        explain: Bool = false
    ) -> PassReport {
        let clock = ContinuousClock()
        let began = clock.now
        var report = PassReport(kind: kind)
        let observed = observedFamilies(kind)
        attempt("drift sensor", &report) { () throws(DataplaneError) in
            if !observed.isEmpty { try sensor?.willObserve(observed) }
        }
        for index in dataplanes.indices {
            dataplanes[index].isExplaining = explain
            pass(index, update, observe: observed.contains(dataplanes[index].family), &report)
        }
        if kind != .incremental {
            for index in retirements.indices {
                report.retired += retirements[index].proceed(
                    presentStands: dataplanes[index].stands
                )
            }
        }
        report.leftovers = retirements.flatMap(\.remains)
        attempt("drift sensor", &report) { () throws(DataplaneError) in
            try sensor?.acknowledge()
            for index in dataplanes.indices { try dataplanes[index].acknowledge() }
        }
        report.services = dataplanes.map(\.serviceCount).max() ?? 0
        report.settings = PlannerSettings(configuration, facts: facts)
        report.duration = clock.now - began
        if kind == .full { nextLook = clock.now.advanced(by: report.duration * Self.lookShare) }
        return report
    }

    private func observedFamilies(_ kind: PassKind) -> Set<IPFamily> {
        switch kind {
        case .incremental: return []
        case .resync:
            guard !dataplanes.isEmpty else { return [] }
            defer { resyncTurn += 1 }
            return [dataplanes[resyncTurn % dataplanes.count].family]
        case .full:
            return suspects.union(dataplanes.filter(\.needsObservation).map(\.family))
        }
    }

    private func pass(
        _ index: Int,
        _ update: SnapshotUpdate,
        observe: Bool,
        _ report: inout PassReport
    ) {
        let family = dataplanes[index].family
        let name = family.rawValue
        var outcome: FamilyPassReport?
        attempt(name, &report) { () throws(DataplaneError) in
            outcome = try dataplanes[index].pass(update, observe: observe)
            let cleans = configuration.conntrack.cleanStaleUDP
            if let request = dataplanes[index].takeFlowRequest(cleans: cleans) {
                conntrackCleaner.request(family, request)
            }
        }
        let done = outcome ?? FamilyPassReport()
        report.add(done)
        if dataplanes[index].isExplaining {
            let lines = dataplanes[index].appliedText.split(separator: "\n")
            report.operationLines += lines.prefix(PassReport.explained).map { "\(name): \($0)" }
        }
        report.families.append(
            .init(
                family: family,
                report: outcome,
                counts: dataplanes[index].tally.total,
                healthChecks: dataplanes[index].tally.healthChecks,
                ruleCounts: done.apply.operations > 0 ? dataplanes[index].ruleCounts : [:],
                issues: dataplanes[index].issues
            )
        )
        report.failures += dataplanes[index].failures.map { "\(name): \($0)" }
        report.issues += dataplanes[index].issues.map { "\(name): \($0)" }
        guard outcome != nil else { return }
        if observe { suspects.remove(family) }
        if dataplanes[index].needsSecondLook { report.needsSecondLook = true }
        if let failure = dataplanes[index].finish() { report.failures.append(failure) }
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
    /// Without what does not count: a mode may need all; else addresses on interfaces matter to node
    /// ports at some of them only, and other nodes to nobody.
    fileprivate func effective(_ mode: ProxyMode) -> PlannerSettings {
        guard !mode.needsNodeAddresses else { return self }
        var settings = self
        settings.otherNodes = [:]
        if nodePortAddresses.ranges.isEmpty, !nodePortAddresses.includesLocalhost {
            settings.localAddresses = []
        }
        return settings
    }
}
