package import Addressing
package import DaemonConfiguration
package import DataplaneModel
package import Planning
package import ServiceModel
package import SystemCalls

/// The kernel side of the daemon: a reconciler for each family, all on one thread.
package actor Dataplane {
    nonisolated let thread = DataplaneThread(name: "fairlead")
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        // This actor keeps the thread as long as it lives.
        unsafe thread.asUnownedSerialExecutor()
    }

    /// How far its thread has got, which calls that take long are judged by.
    package nonisolated var progress: ThreadProgress.Sign { thread.progress.sign }

    /// For how long a call has waited for the lock of legacy tables; nil if none does.
    package nonisolated var lockWait: Duration? { thread.progress.wait }

    /// From now on no call waits for the lock of legacy tables: the daemon ends.
    package nonisolated func hurry() { thread.progress.hurry() }

    private var configuration: DaemonConfiguration
    let host: any DataplaneHost
    /// With the host's name at the start.
    private(set) var facts = NodeFacts(hostName: "")
    /// The host's name if it has another one by now, and none is configured.
    private(set) var otherName: String?
    private var families: [IPFamily] = []
    private(set) var dataplanes: [any FamilyDataplane] = []
    /// Of the same families.
    private var retirements: [Retirement] = []
    /// Deletes UDP flows to endpoints that are gone, after the passes.
    package nonisolated let flowCleaner: FlowCleaner
    /// What waits for the socket level.
    private var heldFlows: [IPFamily: FlowRequest] = [:]
    /// Of the present watch.
    var watchRhythm = WatchRhythm(interval: .zero)
    /// Beside the rules of the families.
    private var sockets = SocketLevels()
    /// Why they failed in the last pass that tried: those that did wait for the retry, a full pass.
    private var errors: [DataplaneError?] = []
    /// The last pass left something undone because another program held the lock of legacy tables, and the lock has
    /// not been seen free since.
    var isLockedOut = false
    /// Which family, of rules or of the socket level, the next resync observes. One that was given up is tried again.
    private var resyncTurn = 0

    /// Touches nothing before `start`.
    package init(
        _ configuration: DaemonConfiguration,
        host: sending any DataplaneHost,
        flows: sending any FlowTable
    ) {
        self.configuration = configuration
        self.host = host
        flowCleaner = FlowCleaner(flows)
    }

    // MARK: - Host

    /// Problems with the kernel and the host, for the log.
    package func kernelProblems() -> [String] { host.shortcomings(families) + prepareHost() }

    /// Applies the host settings that the configuration needs; returns those that could not be applied.
    package func prepareHost() -> [String] {
        [configuration.localhostLimit(families)].compactMap(\.self) + host.prepare(configuration)
    }

    /// Chooses the mode if the configuration leaves that open, enters the namespace and determines the
    /// families. Call it once, before everything else.
    ///
    /// - Throws: the host's errors; see `DataplaneHost`.
    package func start() throws(DataplaneError) -> (
        mode: ProxyMode, reason: String?, families: [IPFamily]
    ) {
        let reason: String?
        (configuration, reason) = try host.start(configuration)
        families = try host.families()
        facts = try host.facts()
        let settings = PlannerSettings(configuration, facts: facts)
        for family in families {
            dataplanes.append(try host.dataplane(family, settings))
            errors.append(nil)
            retirements.append(Retirement(try host.leftovers(family)))
        }
        return (configuration.chosenMode, reason, families)
    }

    /// Replaces the configuration: the next pass has to plan every Service. Namespace, lock, mode and
    /// families stay as at the start. Returns host settings that could not be applied.
    package func reconfigure(_ new: DaemonConfiguration) -> [String] {
        let mode = configuration.mode
        if new.socketLB != configuration.socketLB { sockets.reset() }
        let accepting = acceptingAddresses
        configuration = new
        configuration.mode = mode
        replan()
        recheckNodePorts(since: accepting)
        return prepareHost()
    }

    /// Reads the node's addresses again; true if they changed so that every Service has to be planned
    /// again. If they cannot be read, what is known stays.
    ///
    /// - Throws: as `DataplaneHost.facts`.
    package func addressesChanged() throws(DataplaneError) -> Bool {
        take(try presentFacts())
    }

    /// Without another name of the host, which is kept for `otherName`.
    private func presentFacts() throws(DataplaneError) -> NodeFacts {
        var now = try host.facts()
        let isRenamed = now.hostName != facts.hostName && configuration.node.name == nil
        otherName = isRenamed ? now.hostName : nil
        now.hostName = facts.hostName
        now.cluster = facts.cluster
        return now
    }

    /// Sets what the cluster knows of the node; true as for `addressesChanged`.
    package func learn(_ cluster: ClusterFacts) -> Bool {
        var now = facts
        now.cluster = cluster
        return take(now)
    }

    private func take(_ now: NodeFacts) -> Bool {
        guard now != facts else { return false }
        let before = PlannerSettings(configuration, facts: facts)
        let after = PlannerSettings(configuration, facts: now)
        let accepting = acceptingAddresses
        facts = now
        // After what is planned anew.
        defer { recheckNodePorts(since: accepting) }
        let mode = configuration.chosenMode
        if before.effective(mode) != after.effective(mode) {
            replan()
            return true
        }
        let addressesMatter = families.contains {
            before.socketNodeAddresses($0) != after.socketNodeAddresses($0)
        }
        if addressesMatter { sockets.replan(after) }
        return addressesMatter
    }

    /// Those of the node that accept node ports now.
    private var acceptingAddresses: [Set<IPAddress>] {
        let settings = PlannerSettings(configuration, facts: facts)
        return dataplanes.map { dataplane in
            settings.nodePortAddresses(
                dataplane.family,
                local: facts.localAddresses.filter { !$0.isLinkLocal },
                configuration.chosenMode
            )
        }
    }

    /// While an address did not accept node ports, flows to it were left alone when endpoints went; where it does so no
    /// more, they would go on.
    private func recheckNodePorts(since before: [Set<IPAddress>]) {
        for (index, (old, new)) in zip(before, acceptingAddresses).enumerated() where old != new {
            let family = dataplanes[index].family
            dataplanes[index].recheckNodePorts(from: old, to: new)
            // Else the next pass does it.
            guard dataplanes[index].stands,
                let request = dataplanes[index].takeFlowRequest(FlowUses(configuration))
            else { continue }
            flowCleaner.request(family, request.only(table: true, sockets: false))
        }
    }

    /// What `watch` waits for; nil if something may change without being announced.
    var completeAnnouncements: [Int32]? {
        // Nothing announces that programs are detached.
        guard let own = host.announcements, dataplanes.allSatisfy(\.announcesAll),
            sockets.families.isEmpty
        else { return nil }
        return own + dataplanes.flatMap(\.announcements)
    }

    /// Whether `addressesChanged` has something to find out, or fails.
    var mayHaveOtherFacts: Bool {
        let name = otherName
        guard let now = try? presentFacts() else { return true }
        return now != facts || name != otherName
    }

    private func replan() {
        let settings = PlannerSettings(configuration, facts: facts)
        for index in dataplanes.indices { dataplanes[index].replan(settings) }
        sockets.replan(settings)
    }

    // MARK: - Drift

    /// Whether another program seems to have changed Fairlead's objects. The next full pass observes
    /// the families concerned, and no others.
    ///
    /// - Throws: the first family's error, after all families have been asked.
    package func hasDrifted() throws(DataplaneError) -> Bool {
        var hasDrifted = sockets.hasDrifted()
        try forAll(dataplanes) { (dataplane) throws(DataplaneError) in
            if try dataplane.hasDrifted() { hasDrifted = true }
        }
        return hasDrifted
    }

    /// Does the work that has become due since the last call. Call it before `hasDrifted`; fails as that
    /// does.
    package func attend() throws(DataplaneError) {
        sockets.performDueWork()
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

    /// After due work, which may have changed it.
    func socketUses() -> [IPFamily: SocketUse] { sockets.look() }

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

    /// Returns when the thread is free, which shows that it is alive.
    package func answer() {}

    // MARK: - Passes

    /// One pass over all families. A family's failure does not affect the others: until the retry, a full pass, it
    /// only takes in what changes. With `explain` the report has each operation as text. A resync is given up as soon
    /// as `hasOther` says that there is other work; that is asked on the dataplane's thread.
    package func pass(
        _ update: SnapshotUpdate,
        _ kind: PassKind,
        explain: Bool = false,
        unless hasOther: @escaping @Sendable () -> Bool = { false }
    ) -> PassReport {
        let clock = ContinuousClock()
        let earlier = ThreadTime.now
        var report = PassReport(kind: kind)
        let settings = PlannerSettings(configuration, facts: facts)
        sockets.open(families, settings, configuration, host)
        let turn = kind.isResync ? presentTurn : nil
        let hasOther = kind == .resync ? hasOther : nil
        for index in dataplanes.indices {
            let family = dataplanes[index].family
            sockets.begin(family, update)
            var outcome: PassReport.FamilyOutcome
            var flows: FlowRequest?
            if kind != .full, let error = errors[index] {
                outcome = wait(index, update, for: error)
            } else {
                let observes = kind.repairs && isSuspect(dataplanes[index]) || index == turn
                (outcome, flows) = pass(index, update, observe: observes, unless: hasOther, explain)
            }
            describe(dataplanes[index], &outcome)
            let socketTurn = index + dataplanes.count == turn
            outcome.sockets = sockets.finish(
                family,
                update,
                observe: {
                    socketTurn || kind.repairs && ($0.needsObservation || $0.hasDrifted())
                },
                unless: hasOther,
                explain: explain
            )
            requestFlows(family, flows, outcome.sockets)
            // What a resync was given up for does not wait for another mode's rules.
            if kind != .incremental, kind != .resync || hasOther?() != true {
                outcome.retired = retirements[index].proceed(
                    presentStands: dataplanes[index].stands,
                    again: kind == .full || index == turn
                )
            }
            outcome.leftovers = retirements[index].leftovers
            ThreadProgress.step()
            report.families.append(outcome)
        }
        do throws(DataplaneError) {
            report.removedSockets = try sockets.removeRemains(configuration, host)
        } catch {
            report.socketRemovalError = error
        }
        noteLock()
        if kind.isResync, !report.isGivenUp { resyncTurn += 1 }
        report.settings = settings
        report.isLast = ThreadProgress.isHurried
        report.duration = clock.now - report.began
        report.work = ThreadTime.now - earlier
        return report
    }

    private func noteLock() {
        isLockedOut =
            errors.contains { $0?.kind == .locked } || retirements.contains(where: \.isLockedOut)
        // From now on the watch looks at the lock.
        if isLockedOut { thread.renewWait() }
    }

    /// To be called after the socket level's pass: before it, a socket may still get an endpoint that is gone.
    private func requestFlows(
        _ family: IPFamily,
        _ request: FlowRequest?,
        _ sockets: PassReport.SocketOutcome?
    ) {
        var request = request
        if let held = heldFlows.removeValue(forKey: family) {
            request = request.map { held.merged(with: $0) } ?? held
        }
        guard let request else { return }
        if sockets?.error == nil, sockets?.failures.isEmpty ?? true {
            flowCleaner.request(family, request)
        } else {
            flowCleaner.request(family, request.only(table: true, sockets: false))
            heldFlows[family] = request.only(table: false, sockets: true)
        }
    }

    private var presentTurn: Int? {
        dataplanes.isEmpty ? nil : resyncTurn % (dataplanes.count + sockets.families.count)
    }

    /// Whether the family has to be observed, which is so too if that cannot be determined.
    private func isSuspect(_ dataplane: any FamilyDataplane) -> Bool {
        dataplane.needsObservation || (try? dataplane.hasDrifted()) ?? true
    }

    /// The part in a pass of a family that waits for the retry after `error`.
    private func wait(
        _ index: Int,
        _ update: SnapshotUpdate,
        for error: DataplaneError
    ) -> PassReport.FamilyOutcome {
        dataplanes[index].take(update)
        var outcome = PassReport.FamilyOutcome(family: dataplanes[index].family)
        outcome.error = error
        outcome.isDeferred = true
        return outcome
    }

    private func pass(
        _ index: Int,
        _ update: SnapshotUpdate,
        observe: Bool,
        unless hasOther: (@Sendable () -> Bool)?,
        _ explain: Bool
    ) -> (outcome: PassReport.FamilyOutcome, flows: FlowRequest?) {
        let family = dataplanes[index].family
        var flows: FlowRequest?
        var outcome = PassReport.FamilyOutcome(family: family)
        do throws(DataplaneError) {
            let report = try dataplanes[index].pass(
                update,
                observe: observe,
                unless: hasOther,
                explain: explain
            )
            outcome.report = report
            flows = dataplanes[index].takeFlowRequest(FlowUses(configuration))
            if report.apply.operations > 0 { outcome.ruleCounts = dataplanes[index].ruleCounts }
        } catch {
            outcome.error = error
        }
        errors[index] = outcome.error
        return (outcome, flows)
    }

    /// The state of a family after its part in a pass.
    private func describe(
        _ dataplane: any FamilyDataplane,
        _ outcome: inout PassReport.FamilyOutcome
    ) {
        let family = dataplane.family
        outcome.counts = dataplane.tally.total
        outcome.healthChecks = dataplane.tally.healthChecks
        outcome.issues = dataplane.issues
        outcome.failures = dataplane.failures.map { PassReport.Failure(family, $0) }
        if let failure = outcome.report?.hostFailure { outcome.failures.append(failure) }
    }
}

extension FlowUses {
    fileprivate init(_ configuration: DaemonConfiguration) {
        self.init(cleansTable: configuration.conntrack.cleanStaleUDP)
        let level = configuration.socketLB
        if level.scope != .off, level.protocols.contains(.udp) {
            sockets = Sockets(bpfDirectory: level.bpfDirectory, ofPods: level.scope == .all)
        }
    }
}

extension PlannerSettings {
    /// Without what has no effect on plans: unless the mode needs all addresses, those of other nodes
    /// never matter, and those on interfaces only if node ports are restricted to some.
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
