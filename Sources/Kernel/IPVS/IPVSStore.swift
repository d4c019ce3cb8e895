package import Addressing
package import DataplaneModel
import Glibc
import IPSets
package import Netlink
import NodeAddresses
package import XTables

/// Our objects of one family in ipvs mode: sets, rules, virtual servers, addresses.
///
/// Works in the network namespace of the calling thread, which must be the dataplane thread.
package final class IPVSStore: KernelStore {
    /// Which objects it has, and how they are removed.
    package struct Configuration {
        package var lock: XTablesLock.Configuration
        /// Shared by the stores of both families; see `IPTablesStore`.
        package var lockWatch: XTablesLockWatch?
        /// Virtual servers with an address in these ranges are foreign.
        package var excluded: [IPPrefix]
        /// The scheduler of all virtual servers whose Service does not ask for another.
        package var scheduler: SchedulerName?
        /// How long connections of removed servers may continue; zero ends them at once.
        package var drainTimeout: Duration
        /// The set of bound addresses, whose other ports are refused.
        package var addressSet: IPSetName
        package var ownership: Ownership

        package init(
            lock: XTablesLock.Configuration = XTablesLock.Configuration(),
            lockWatch: XTablesLockWatch? = nil,
            excluded: [IPPrefix] = [],
            scheduler: SchedulerName? = nil,
            drainTimeout: Duration,
            addressSet: IPSetName,
            ownership: Ownership = .fairlead
        ) {
            self.lock = lock
            self.lockWatch = lockWatch
            self.excluded = excluded
            self.scheduler = scheduler
            self.drainTimeout = drainTimeout
            self.addressSet = addressSet
            self.ownership = ownership
        }
    }

    let family: IPFamily
    private let lock: XTablesLock.Configuration
    private let lockWatch: XTablesLockWatch?
    private let ownership: Ownership
    let addressSet: IPSetName
    let drainTimeout: Duration
    let sets: IPSetStore
    private(set) lazy var rules = rules(in: TableName.allCases, lockWatch)
    /// The stores of `retire` and `leftovers`, by their tables.
    private var retired: [[TableName]: IPTablesStore] = [:]
    let servers: VirtualServerStore
    let addresses: AddressStore
    /// The messages of all parts but the rules, which do not use netlink.
    package let traffic: NetlinkTraffic
    /// What is not wanted any more, but stays bound while it has connections.
    var draining = AddressBinding()
    /// Those of them that are not in their set: another program has emptied it, or another mode had none. Traffic to their
    /// other ports is refused by that set.
    var unlisted: Set<IPAddress> = []
    /// Until when the addresses of a mode that is retired stay for this host's own connections; nil while ours serves.
    var ownConnectionsEnd: ContinuousClock.Instant?
    /// Until when single addresses stay for them; without those that are wanted, or have gone.
    var ownConnectionEnds: [IPAddress: ContinuousClock.Instant] = [:]
    /// When the host's own connections are looked at again.
    var nextLook = ContinuousClock.now
    /// As of the last read or write; nil before the first one, and after a failed write.
    private var counts: Counts?
    private var mark = ChangeMark()

    /// The numbers of entries of our sets, and of virtual servers, foreign ones included.
    private struct Counts: Equatable {
        var entries: [IPSetName: Int] = [:]
        /// Nil for IPv6, for which the kernel has no number.
        var virtualServers: Int?
    }

    package init(
        family: IPFamily,
        _ configuration: Configuration,
        traffic: NetlinkTraffic = NetlinkTraffic()
    ) {
        self.family = family
        addressSet = configuration.addressSet
        drainTimeout = configuration.drainTimeout
        self.traffic = traffic
        let ownership = configuration.ownership
        self.ownership = ownership
        let sets = IPSetStore(family: family, traffic: traffic) {
            ownership.owns(set: $0, family)
        }
        self.sets = sets
        lock = configuration.lock
        lockWatch = configuration.lockWatch
        servers = VirtualServerStore(
            family: family,
            ownership: ownership,
            excluded: configuration.excluded,
            defaultScheduler: configuration.scheduler,
            drainTimeout: configuration.drainTimeout,
            traffic: traffic
        )
        addresses = AddressStore(family: family, ownership: ownership, traffic: traffic)
    }

    /// Our chains in some tables. Without a watch it does not touch the lock file until it writes, which
    /// another mode's host need not have.
    func rules(in tables: [TableName], _ lockWatch: XTablesLockWatch? = nil) -> IPTablesStore {
        IPTablesStore(
            family: family,
            tables: tables,
            lock: lock,
            lockWatch: lockWatch,
            sets: { [sets] () throws(DataplaneError) in try sets.indexes() },
            owns: ownership.owns(chain:)
        )
    }

    /// The store for rules of another mode. Each is kept, and with it the open lock file: closing that would
    /// look to the present mode's watch like a change by another program.
    func retiredRules(in tables: [TableName]) -> IPTablesStore {
        if let store = retired[tables] { return store }
        let store = rules(in: tables)
        retired[tables] = store
        return store
    }

    /// Reads everything except what drains.
    ///
    /// - Throws: `.unsupported` if the kernel lacks a part; else as the stores of the parts.
    package func observe() throws(DataplaneError) -> Observation<IPVSState> {
        let mark = try notice()
        var state = IPVSState(
            iptables: try rules.observe().state,
            sets: try sets.observe(),
            servers: try servers.observe(),
            binding: try addresses.observe()
        )
        ownConnectionEnds = ownConnectionEnds.filter { state.binding.addresses.contains($0.key) }
        var waiting = servers.draining(of: state.binding).addresses
        // Also what waited already: only work that is due finds that it need not any more.
        waiting.formUnion(draining.addresses.intersection(state.binding.addresses))
        waiting.subtract(state.servers.keys.compactMap(\.address))
        waiting.formUnion(try keptForHost(in: state, beside: waiting))
        draining.addresses = waiting
        state.binding.addresses.subtract(draining.addresses)
        unlisted = []
        for address in draining.addresses {
            let entry = state.sets[addressSet]?.entries.removeValue(forKey: .address(address))
            if entry == nil { unlisted.insert(address) }
        }
        return Observation(state, mark)
    }

    /// Adds before it removes: sets that rules use, rules, virtual servers, and last the addresses, as the
    /// host itself would answer on a bound address without its virtual server.
    ///
    /// Rules that replace those of another mode come last: the old ones serve until then.
    ///
    /// - Throws: as the stores of the parts; those after it are not changed then.
    package func apply(_ diff: IPVSDiff) throws(DataplaneError) -> ApplyReport {
        if diff.sets.contains(where: { $0.makes(addressSet) }) { unlisted = draining.addresses }
        unlisted.subtract(diff.addresses.compactMap(\.added))
        let changes = diff.sets + listing()
        return try changing(changes) { () throws(DataplaneError) in try write(diff, changes) }
    }

    private func write(
        _ diff: IPVSDiff,
        _ setChanges: [IPSetChange]
    ) throws(DataplaneError) -> ApplyReport {
        var report = try sets.make(setChanges)
        unlisted = []
        let takesOver = diff.iptables.deletesChains
        if !takesOver { report += try rules.apply(diff.iptables) }
        report += try servers.make(diff.servers)
        report += try addresses.make(diff.addresses)
        for address in diff.addresses.compactMap(\.added) {
            draining.addresses.remove(address)
            ownConnectionEnds[address] = nil
        }
        if takesOver { report += try rules.apply(diff.iptables) }
        report += try servers.remove(diff.servers)
        report += try remove(diff)
        return report
    }

    /// What puts them into their set.
    private func listing() -> [IPSetChange] {
        if unlisted.isEmpty { return [] }
        let entries = unlisted.sorted().map { IPSetEntry.address($0) }
        let marks = entries.map { _ in UInt32(0) }
        return [.update(.init(name: addressSet, added: entries, marks: marks, removed: []))]
    }

    /// Removes addresses and set entries, except for addresses that still have connections.
    private func remove(_ diff: IPVSDiff) throws(DataplaneError) -> ApplyReport {
        let gone = AddressBinding(addresses: Set(diff.addresses.compactMap(\.removed)))
        let end = ContinuousClock.now + drainTimeout
        for address in gone.addresses where ownConnectionEnds[address] == nil {
            ownConnectionEnds[address] = end
        }
        let drained = servers.draining(of: gone)
        draining = draining.union(drained)
        var report = try withoutOwnConnections(gone.subtracting(drained)) {
            (done) throws(DataplaneError) in
            try addresses.remove(AddressChange.changes(from: done, to: AddressBinding()))
        }
        let kept = draining.addresses.intersection(gone.addresses)
        report += try addresses.remove(diff.addresses.filter { $0.removed == nil })
        report += try sets.remove(diff.sets.map { $0.keeping(kept, in: addressSet) })
        report.operations += kept.count
        return report
    }

    package func statistics() throws(DataplaneError)
        -> [VirtualServer.Key: VirtualServerStatistics]
    {
        try servers.statistics()
    }

    /// What keeps wanted virtual servers from being made; see `VirtualServerStore.obstacles`.
    package func obstacles(to wanted: IPVSState) throws(DataplaneError) -> [DataplaneError] {
        try servers.obstacles(to: wanted.servers)
    }

    /// Deletes drained servers, and unbinds their addresses. Then compares some virtual servers and their
    /// real servers with the plan, as the counts do not show all changes.
    package func performDueWork(expecting plan: IPVSState?) throws(DataplaneError) {
        var failure: DataplaneError?
        // Of a mode that is retired the set has gone, too.
        if plan != nil, !unlisted.isEmpty {
            let changes = listing()
            let report = try changing(changes) { () throws(DataplaneError) in try sets.make(changes)
            }
            unlisted = []
            failure = report.failures.first
        }
        if servers.hasDrains || !draining.isEmpty {
            failure = try endDrains() ?? failure
            if plan == nil { try addresses.removeLinkIfUnused() }
        }
        if let plan, try servers.differs(from: plan.servers) { mark.certain += 1 }
        if let failure { throw failure }
    }

    /// Returns the first failure to delete something.
    private func endDrains() throws(DataplaneError) -> DataplaneError? {
        var report = try changing([]) { () throws(DataplaneError) in
            ApplyReport(failures: try servers.finishDrains().failures)
        }
        let left = draining.subtracting(servers.draining(of: draining))
        report += try withoutOwnConnections(left) { (done) throws(DataplaneError) in
            try unbind(done)
        }
        return report.failures.first
    }

    /// Removes what has drained.
    private func unbind(_ done: AddressBinding) throws(DataplaneError) -> ApplyReport {
        let entries = done.addresses.sorted().map { IPSetEntry.address($0) }
        let change = IPSetChange.update(
            .init(name: addressSet, added: [], marks: [], removed: entries)
        )
        return try changing([change]) { () throws(DataplaneError) in
            var report = try addresses.remove(
                AddressChange.changes(from: done, to: AddressBinding())
            )
            var removal = try sets.remove([change])
            // The set of a mode that is being retired is gone already.
            removal.failures.removeAll { $0.errno == ENOENT }
            report += removal
            draining = draining.subtracting(done)
            return report
        }
    }
}

// MARK: Changes of other programs

extension IPVSStore {
    package func changes(since mark: ChangeMark) throws(DataplaneError) -> ForeignChanges {
        try notice().changes(since: mark)
    }

    /// What other programs were seen to do up to now, in all parts.
    private func notice() throws(DataplaneError) -> ChangeMark {
        let present = try currentCounts()
        if let counts, counts != present { mark.certain += 1 }
        counts = present
        var sum = try rules.notice()
        sum.certain += mark.certain + (try addresses.changes())
        sum.possible += mark.possible
        return sum
    }

    private func currentCounts() throws(DataplaneError) -> Counts {
        Counts(
            entries: try sets.entryCounts().mapValues(\.entries),
            virtualServers: try servers.virtualServerCount()
        )
    }

    /// Runs `body`, which makes these changes of sets and any of virtual servers, so that they do not
    /// count as foreign changes. Unexpected counts afterwards are a possible one: an entry may also have
    /// existed before.
    private func changing(
        _ changes: [IPSetChange],
        _ body: () throws(DataplaneError) -> ApplyReport
    ) throws(DataplaneError) -> ApplyReport {
        // While only leftovers of an earlier mode drain, no counts are kept, as `changes` is not called
        // and legacy tables may not even be in use.
        guard var expected = counts else { return try body() }
        let made = servers.made
        let drained = draining.addresses.subtracting(unlisted)
        counts = nil
        let report: ApplyReport
        do throws(DataplaneError) {
            report = try body()
        } catch {
            // The next counts are the first ones again, whatever other programs do until then.
            mark.possible += 1
            throw error
        }
        // Without changes of sets of its own the next look tells those of others, too.
        let present =
            changes.isEmpty
            ? Counts(entries: expected.entries, virtualServers: try servers.virtualServerCount())
            : try currentCounts()
        counts = present
        guard report.failures.isEmpty else { return report }
        for change in changes {
            let before = expected.entries[change.name]
            let isAddressSet = change.name == addressSet
            expected.entries[change.name] = change.entryCount(
                from: before,
                // An address that drains stays in the set, and may be wanted again.
                present: isAddressSet ? drained : [],
                kept: isAddressSet ? draining.addresses : []
            )
        }
        if let before = expected.virtualServers {
            expected.virtualServers = before + servers.made - made
        }
        if expected != present { mark.possible += 1 }
        return report
    }
}

extension IPSetChange {
    /// How many entries the set has after the change, from how many it had before; nil if there is no
    /// set then. Of the update's addresses those in `present` are not new, and those in `kept` stay.
    fileprivate func entryCount(
        from count: Int?,
        present: Set<IPAddress>,
        kept: Set<IPAddress>
    ) -> Int? {
        switch self {
        case .create(let set), .replace(let set): return set.entries.count
        case .update(let update):
            let added = update.added.count { !$0.isAddress(in: present) } - update.remarked
            let removed = update.removed.count { !$0.isAddress(in: kept) }
            return count.map { $0 + added - removed }
        case .destroy: return nil
        }
    }

    /// It makes the set anew, without entries that are not wanted.
    fileprivate func makes(_ name: IPSetName) -> Bool {
        switch self {
        case .create(let set), .replace(let set): set.name == name
        case .update, .destroy: false
        }
    }

    /// Without the removal of `addresses` from the set `name`.
    fileprivate func keeping(_ addresses: Set<IPAddress>, in name: IPSetName) -> IPSetChange {
        guard case .update(var update) = self, update.name == name else { return self }
        update.removed.removeAll { $0.isAddress(in: addresses) }
        return .update(update)
    }
}

extension IPSetEntry {
    fileprivate func isAddress(in addresses: Set<IPAddress>) -> Bool {
        guard case .address(let address) = self else { return false }
        return addresses.contains(address)
    }
}

extension IPTablesDiff {
    /// It deletes chains, which the wanted state does not have.
    fileprivate var deletesChains: Bool {
        tables.contains { table in
            table.chains.contains { change in
                if case .delete = change { true } else { false }
            }
        }
    }
}
