package import Addressing
package import DaemonConfiguration
package import DataplaneModel
package import Planning
package import ServiceModel

/// The kernel side of the daemon: one reconciler per family, all on one thread of their own.
package actor Dataplane {
    private let thread = DataplaneThread(name: "fairlead")
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        // This actor keeps the thread as long as it lives.
        unsafe thread.asUnownedSerialExecutor()
    }

    private var configuration: DaemonConfiguration
    private let host: any DataplaneHost
    private var facts = NodeFacts(hostName: "")
    private var families: [IPFamily] = []
    private var dataplanes: [any FamilyDataplane] = []
    /// Of the same families.
    private var retirements: [Retirement] = []
    /// Forgets UDP flows to endpoints that are gone, after the passes.
    package nonisolated let conntrackCleaner: ConntrackCleaner
    /// The family whose turn it is in the next resync.
    private var resyncTurn = 0

    /// Touches nothing before `start`.
    package init(
        _ configuration: DaemonConfiguration,
        host: sending any DataplaneHost,
        flows: sending any FlowTable
    ) {
        self.configuration = configuration
        self.host = host
        conntrackCleaner = ConntrackCleaner(flows)
    }

    // MARK: - Host

    /// What is amiss with the kernel, for the log.
    package func kernelProblems() -> [String] { host.shortcomings(families) + prepareHost() }

    /// Sets what the configuration asks of the host; returns what could not be set, or can't be.
    package func prepareHost() -> [String] {
        [configuration.localhostLimit(families)].compactMap(\.self) + host.prepare(configuration)
    }

    /// Chooses the mode if that is left to it, enters the namespace for good and finds out which
    /// families there are.
    package func start() throws(DataplaneError) -> (
        mode: ProxyMode, reason: String?, families: [IPFamily]
    ) {
        let reason: String?
        (configuration, reason) = try host.start(configuration)
        families = try host.families()
        facts = host.facts()
        let settings = PlannerSettings(configuration, facts: facts)
        for family in families {
            dataplanes.append(try host.dataplane(family, settings))
            retirements.append(Retirement(try host.leftovers(family)))
        }
        return (configuration.chosenMode, reason, families)
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
        var now = host.facts()
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

    private func replan() {
        let settings = PlannerSettings(configuration, facts: facts)
        for index in dataplanes.indices { dataplanes[index].replan(settings) }
    }

    // MARK: - Drift

    /// Whether another program seems to have changed our objects. The families where it seems so are
    /// observed by the next full pass, and no others. An error is of the first family that has one,
    /// when all have been asked.
    package func hasDrifted() throws(DataplaneError) -> Bool {
        var hasDrifted = false
        try forAll(dataplanes) { (dataplane) throws(DataplaneError) in
            if try dataplane.hasDrifted() { hasDrifted = true }
        }
        return hasDrifted
    }

    /// Does what time has brought since the last call, before drift is looked for. An error is as for
    /// `hasDrifted`.
    package func attend() throws(DataplaneError) {
        var failure: DataplaneError?
        do throws(DataplaneError) {
            try forAll(dataplanes) { (dataplane) throws(DataplaneError) in
                try dataplane.performDueWork()
            }
        } catch {
            failure = error
        }
        try forAll(retirements) { (retirement) throws(DataplaneError) in
            try retirement.objects.performDueWork()
        }
        if let failure { throw failure }
    }

    private func forAll<Element>(
        _ elements: [Element],
        _ body: (Element) throws(DataplaneError) -> Void
    ) throws(DataplaneError) {
        var failure: DataplaneError?
        for element in elements {
            do throws(DataplaneError) {
                try body(element)
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    /// Returns when the thread is free: a sign that it lives.
    package func answer() {}

    // MARK: - Passes

    /// One pass over all families. A family's failure does not keep the others from theirs. With
    /// `explain` the report has each operation in words.
    package func pass(
        _ update: SnapshotUpdate,
        _ kind: PassKind,
        explain: Bool = false
    ) -> PassReport {
        let clock = ContinuousClock()
        var report = PassReport(kind: kind)
        let turn = kind == .resync ? nextTurn() : nil
        for index in dataplanes.indices {
            let observes = kind == .full && isSuspect(dataplanes[index]) || index == turn
            var outcome = pass(index, update, observe: observes, explain)
            if kind != .incremental {
                outcome.retired = retirements[index].proceed(
                    presentStands: dataplanes[index].stands
                )
            }
            outcome.leftovers = retirements[index].leftovers
            report.families.append(outcome)
        }
        report.settings = PlannerSettings(configuration, facts: facts)
        report.duration = clock.now - report.began
        return report
    }

    private func nextTurn() -> Int? {
        if dataplanes.isEmpty { return nil }
        defer { resyncTurn += 1 }
        return resyncTurn % dataplanes.count
    }

    /// Whether only reading the kernel can tell how it is, which is so too where the question fails.
    private func isSuspect(_ dataplane: any FamilyDataplane) -> Bool {
        dataplane.needsObservation || (try? dataplane.hasDrifted()) ?? true
    }

    private func pass(
        _ index: Int,
        _ update: SnapshotUpdate,
        observe: Bool,
        _ explain: Bool
    ) -> PassReport.FamilyOutcome {
        let family = dataplanes[index].family
        var outcome = PassReport.FamilyOutcome(family: family)
        do throws(DataplaneError) {
            let report = try dataplanes[index].pass(update, observe: observe, explain: explain)
            outcome.report = report
            let cleans = configuration.conntrack.cleanStaleUDP
            if let request = dataplanes[index].takeFlowRequest(cleans: cleans) {
                conntrackCleaner.request(family, request)
            }
            if report.apply.operations > 0 { outcome.ruleCounts = dataplanes[index].ruleCounts }
        } catch {
            outcome.error = error
        }
        let dataplane = dataplanes[index]
        outcome.counts = dataplane.tally.total
        outcome.healthChecks = dataplane.tally.healthChecks
        outcome.issues = dataplane.issues
        outcome.failures = dataplane.failures.map { PassReport.Failure(family, $0) }
        if let failure = outcome.report?.hostFailure { outcome.failures.append(failure) }
        return outcome
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
