package import Addressing
package import DataplaneModel

/// All that is ours in one family in ipvs mode: sets, rules, virtual servers, addresses.
///
/// Works in the network namespace of the calling thread, which must be the dataplane thread.
package final class IPVSStore: KernelStore {
    /// Where things are and how they go.
    package struct Configuration: Sendable {
        package var lock: XTablesLock.Configuration
        /// Virtual servers with an address in these ranges are somebody else's.
        package var excluded: [IPPrefix]
        /// The one of all virtual servers whose Service asks for no other.
        package var scheduler: SchedulerName?
        /// How long connections of what is removed may go on; zero cuts them.
        package var drainTimeout: Duration
        /// The set of bound addresses, whose other ports are refused.
        package var addressSet: IPSetName

        package init(
            lock: XTablesLock.Configuration = XTablesLock.Configuration(),
            excluded: [IPPrefix] = [],
            scheduler: SchedulerName? = nil,
            drainTimeout: Duration,
            addressSet: IPSetName
        ) {
            self.lock = lock
            self.excluded = excluded
            self.scheduler = scheduler
            self.drainTimeout = drainTimeout
            self.addressSet = addressSet
        }
    }

    let family: IPFamily
    private let lock: XTablesLock.Configuration
    private let ownsChain: (String) -> Bool
    private let addressSet: IPSetName
    private let ownsSet: (String) -> Bool
    let sets: IPSetStore
    private(set) lazy var rules = rules(in: TableName.allCases)
    let servers: VirtualServerStore
    let addresses: AddressStore
    /// What all parts but the rules, which have no netlink, have sent.
    package let traffic: NetlinkTraffic
    /// Not wanted any more, and bound as long as connections to them are.
    private var draining: Set<IPAddress> = []

    /// `ownsChain` and `ownsSet` say by its name whether a chain or set is ours.
    package init(
        family: IPFamily,
        _ configuration: Configuration,
        traffic: NetlinkTraffic = NetlinkTraffic(),
        ownsChain: @escaping (String) -> Bool,
        ownsSet: @escaping (String) -> Bool
    ) {
        self.family = family
        addressSet = configuration.addressSet
        self.ownsSet = ownsSet
        self.traffic = traffic
        let sets = IPSetStore(family: family, traffic: traffic, owns: ownsSet)
        self.sets = sets
        self.ownsChain = ownsChain
        lock = configuration.lock
        servers = VirtualServerStore(
            family: family,
            excluded: configuration.excluded,
            defaultScheduler: configuration.scheduler,
            drainTimeout: configuration.drainTimeout,
            traffic: traffic
        )
        addresses = AddressStore(family: family, traffic: traffic)
    }

    /// Our chains in some tables.
    func rules(in tables: [TableName]) -> IPTablesStore {
        IPTablesStore(
            family: family,
            tables: tables,
            lock: lock,
            sets: { [sets] () throws(DataplaneError) in try sets.indexes() },
            owns: ownsChain
        )
    }

    /// Reads everything; what only waits for its last connections is left out.
    package func observe() throws(DataplaneError) -> IPVSState {
        var state = IPVSState(
            iptables: try rules.observe(),
            sets: try sets.observe(),
            servers: try servers.observe(),
            binding: try addresses.observe()
        )
        draining = servers.drainingAddresses.intersection(state.binding.addresses)
            .subtracting(state.servers.keys.compactMap(\.address))
        state.binding.addresses.subtract(draining)
        for address in draining { state.sets[addressSet]?.entries[.address(address)] = nil }
        return state
    }

    /// Adds before it removes: sets that rules ask, rules, servers, and last the addresses, since a
    /// bound address without its server would answer for itself.
    ///
    /// Rules that come in place of another mode's come last: the old ones serve until then.
    package func apply(_ diff: IPVSDiff) throws(DataplaneError) -> ApplyReport {
        var report = try sets.make(diff.sets)
        let takesOver = diff.iptables.deletesChains
        if !takesOver { report += try rules.apply(diff.iptables) }
        report += try servers.make(diff.servers)
        report += try addresses.make(diff.addresses)
        draining.subtract(diff.addresses.compactMap(\.added))
        if takesOver { report += try rules.apply(diff.iptables) }
        report += try servers.remove(diff.servers)
        report += try remove(diff)
        return report
    }

    /// Removes addresses and set entries, but for addresses whose connections still run.
    private func remove(_ diff: IPVSDiff) throws(DataplaneError) -> ApplyReport {
        let gone = Set(diff.addresses.compactMap(\.removed))
        let kept = gone.intersection(servers.drainingAddresses)
        draining.formUnion(kept)
        var report = try addresses.remove(
            diff.addresses.filter { change in change.removed.map { !kept.contains($0) } ?? true }
        )
        report += try sets.remove(diff.sets.map { $0.keeping(kept, in: addressSet) })
        report.operations += kept.count
        return report
    }

    /// Unbinds all addresses but those whose connections still run.
    func retireAddresses() throws(DataplaneError) -> ApplyReport {
        var bound = try addresses.observe()
        draining = servers.drainingAddresses.intersection(bound.addresses)
        bound.addresses.subtract(draining)
        return try addresses.remove(AddressChange.changes(from: bound, to: AddressBinding()))
    }

    package func statistics() throws(DataplaneError)
        -> [VirtualServer.Key: VirtualServerStatistics]
    {
        try servers.statistics()
    }

    package func measure() throws(DataplaneError) -> [String: Int] {
        var measures: [String: Int] = [:]
        for (name, occupancy) in try IPSetStore.entryCounts(owns: ownsSet) {
            measures[name.text] = occupancy.entries
        }
        measures["virtual servers"] = try servers.virtualServerCount()
        measures["changes of bindings"] = try addresses.changes()
        return measures
    }

    package var measuresOwnChanges: Bool { true }

    /// Looks at some virtual servers and their real servers: no number shows when those change.
    package func inspect(_ wanted: IPVSState) throws(DataplaneError) -> Bool {
        try servers.inspect(wanted.servers)
    }

    /// What keeps wanted virtual servers from being made; see `VirtualServerStore.obstacles`.
    package func obstacles(to wanted: IPVSState) throws(DataplaneError) -> [DataplaneError] {
        try servers.obstacles(to: wanted.servers)
    }

    /// Ends what has drained, and unbinds addresses that nothing waits for any more.
    package func attend() throws(DataplaneError) {
        _ = try servers.finishDrains()
        let done = draining.subtracting(servers.drainingAddresses).sorted()
        guard !done.isEmpty else { return }
        _ = try addresses.remove(done.map { .remove($0) })
        let entries = done.map { IPSetEntry.address($0) }
        _ = try sets.remove([
            .update(.init(name: addressSet, added: [], marks: [], removed: entries))
        ])
        draining.subtract(done)
    }
}

extension AddressChange {
    fileprivate var added: IPAddress? {
        guard case .add(let address) = self else { return nil }
        return address
    }

    fileprivate var removed: IPAddress? {
        guard case .remove(let address) = self else { return nil }
        return address
    }
}

extension IPSetChange {
    /// Without the removal of `addresses` from the set `name`.
    fileprivate func keeping(_ addresses: Set<IPAddress>, in name: IPSetName) -> IPSetChange {
        guard case .update(var update) = self, update.name == name else { return self }
        update.removed.removeAll { entry in
            guard case .address(let address) = entry else { return false }
            return addresses.contains(address)
        }
        return .update(update)
    }
}

extension IPTablesDiff {
    /// Chains of ours are there that the wanted state has no use for.
    fileprivate var deletesChains: Bool {
        tables.contains { table in
            table.chains.contains { change in
                if case .delete = change { true } else { false }
            }
        }
    }
}
