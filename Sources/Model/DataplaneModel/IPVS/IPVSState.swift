/// Everything Fairlead owns in the kernel for one family in ipvs mode: desired (a plan) or
/// observed.
package struct IPVSState: Sendable, Equatable {
    /// A constant number of rules that match against the sets.
    package var iptables: IPTablesState
    package var sets: [IPSetName: IPSet]
    package var servers: [VirtualServer.Key: VirtualServer]
    package var binding: AddressBinding

    package init(
        iptables: IPTablesState = IPTablesState(),
        sets: [IPSetName: IPSet] = [:],
        servers: [VirtualServer.Key: VirtualServer] = [:],
        binding: AddressBinding = AddressBinding()
    ) {
        self.iptables = iptables
        self.sets = sets
        self.servers = servers
        self.binding = binding
    }

    package var sortedSets: [IPSet] { sets.values.sorted { $0.name < $1.name } }
    package var sortedServers: [VirtualServer] { servers.values.sorted { $0.key < $1.key } }
}

/// The changes of one family's state to another.
///
/// The store orders them: added set entries, rules, virtual servers, addresses; then removals in
/// reverse.
package struct IPVSDiff: Sendable, Equatable {
    package var sets: [IPSetChange]
    package var iptables: IPTablesDiff
    package var servers: [VirtualServerChange]
    package var addresses: [AddressChange]

    package init(
        sets: [IPSetChange] = [],
        iptables: IPTablesDiff = IPTablesDiff(tables: []),
        servers: [VirtualServerChange] = [],
        addresses: [AddressChange] = []
    ) {
        self.sets = sets
        self.iptables = iptables
        self.servers = servers
        self.addresses = addresses
    }

    /// All differences between two states.
    package init(from old: IPVSState, to new: IPVSState) {
        self.init(
            sets: IPSetChange.changes(from: old.sets, to: new.sets),
            iptables: IPTablesDiff(from: old.iptables, to: new.iptables),
            servers: VirtualServerChange.changes(from: old.servers, to: new.servers),
            addresses: AddressChange.changes(from: old.binding, to: new.binding)
        )
    }

    package var isEmpty: Bool {
        sets.isEmpty && iptables.isEmpty && servers.isEmpty && addresses.isEmpty
    }

    /// Number of changed objects.
    package var count: Int {
        sets.reduce(0) { $0 + $1.count } + iptables.count
            + servers.reduce(0) { $0 + $1.count } + addresses.count
    }
}
