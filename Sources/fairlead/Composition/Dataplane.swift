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
    private var reconcilers: [FamilyReconciler<IPTablesPlanner, IPTablesStore>] = []
    private var sensor: DriftSensor?
    /// Until then a mere possibility of drift is not looked into, so that somebody's busy iptables
    /// does not keep us reading tables.
    private var nextLook = ContinuousClock.now

    /// A look into the tables may take this part of the time between two looks.
    private static let lookShare = 20

    /// Touches nothing before `start`.
    init(_ configuration: DaemonConfiguration) {
        self.configuration = configuration
    }

    /// What is amiss with the kernel, for the log.
    func kernelProblems() -> [String] {
        KernelCapabilities(families: families).findings.filter { $0.level > .good }
            .map { "\($0.subject): \($0.detail)" }
    }

    /// Enters the namespace for good and finds out which families there are.
    func start() throws(DataplaneError) -> [IPFamily] {
        let kernel = try Kernel(configuration)
        families = try kernel.families()
        sensor = try DriftSensor(families: families, lock: kernel.lock)
        facts = NodeFacts.observe()
        plan(with: kernel)
        return families
    }

    /// Takes over another configuration; every Service has to be planned anew then. Namespace,
    /// lock and families stay as they were at the start.
    func reconfigure(_ configuration: DaemonConfiguration) {
        self.configuration = configuration
        replan()
    }

    /// Looks at the node's own addresses again; true if they changed in a way that matters, and
    /// every Service has to be planned anew.
    func addressesChanged() -> Bool {
        let now = NodeFacts.observe()
        guard now != facts else { return false }
        let before = PlannerSettings(configuration, facts: facts)
        let after = PlannerSettings(configuration, facts: now)
        facts = now
        guard before.effective != after.effective else { return false }
        replan()
        return true
    }

    /// Whether somebody else seems to have changed our tables.
    func hasDrifted() throws(DataplaneError) -> Bool {
        switch try sensor?.suspicion() ?? .none {
        case .none: false
        case .certain: true
        case .possible: ContinuousClock.now >= nextLook
        }
    }

    /// One pass over all families. A family's failure does not keep the others from theirs.
    func pass(_ update: SnapshotUpdate, full: Bool) -> PassReport {
        let clock = ContinuousClock()
        let began = clock.now
        var report = PassReport(kind: full ? .full : .incremental)
        if full {
            attempt("drift sensor", &report) { () throws(DataplaneError) in
                try sensor?.willObserve()
            }
        }
        for index in reconcilers.indices {
            let family = families[index]
            var done = FamilyPassReport()
            attempt(family.rawValue, &report) { () throws(DataplaneError) in
                done = try reconcilers[index].pass(update, observe: full)
            }
            report.add(done)
            report.failures += done.apply.failures.map { "\(family.rawValue): \($0)" }
            report.issues += reconcilers[index].planner.issues.map { "\(family.rawValue): \($0)" }
        }
        serveLocalhost(&report)
        attempt("drift sensor", &report) { () throws(DataplaneError) in
            try sensor?.acknowledge()
        }
        report.services = reconcilers.map(\.desired.services.count).max() ?? 0
        report.duration = clock.now - began
        if full { nextLook = clock.now.advanced(by: report.duration * Self.lookShare) }
        return report
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

    /// The guard rule stands already when the sysctl opens the way.
    private func serveLocalhost(_ report: inout PassReport) {
        guard reconcilers.contains(where: \.planner.needsRouteLocalnet), report.errors.isEmpty
        else { return }
        do throws(DataplaneError) {
            try RouteLocalnet.enable()
        } catch {
            report.failures.append("node ports do not answer on 127.0.0.1: \(error)")
        }
    }

    private func plan(with kernel: borrowing Kernel) {
        let settings = PlannerSettings(configuration, facts: facts)
        reconcilers = families.map { family in
            FamilyReconciler(
                desired: DesiredState(family: family, settings: settings),
                planner: IPTablesPlanner(family: family, settings: settings),
                store: kernel.store(family)
            )
        }
    }

    private func replan() {
        let settings = PlannerSettings(configuration, facts: facts)
        for index in reconcilers.indices {
            let family = families[index]
            reconcilers[index].replace(
                desired: DesiredState(family: family, settings: settings),
                planner: IPTablesPlanner(family: family, settings: settings)
            )
        }
    }
}

extension PlannerSettings {
    /// Without what does not count: interface addresses matter to node port ranges only.
    fileprivate var effective: PlannerSettings {
        var settings = self
        if case .ranges = nodePortAddresses { return settings }
        settings.localAddresses = []
        return settings
    }
}
