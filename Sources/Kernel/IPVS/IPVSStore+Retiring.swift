package import DataplaneModel
import IPSets
import NodeAddresses
import XTables

extension IPVSStore {
    /// What `retire` would remove now, without what drains.
    package func leftovers(rulesIn tables: [TableName]) throws(DataplaneError) -> IPVSState {
        let rules = retiredRules(in: tables.filter { LegacyTables.used(family).contains($0) })
        var state = IPVSState(iptables: try rules.observe().state)
        guard IPVSSocket.isLoaded else { return state }
        state.sets = try sets.observe()
        state.servers = try servers.observe()
        let bound = try addresses.observe()
        let left = bound.subtracting(servers.draining(of: bound))
        state.binding = left.subtracting(try neededByHost(of: left, ifUnknown: left))
        return state
    }

    /// Removes our objects because another mode serves now: rules in the named tables at once, virtual
    /// servers and their addresses when their connections have ended, which `performDueWork` detects.
    /// An address also waits for the host's own connections that the other mode leads.
    ///
    /// Where IPVS is not in the kernel, only removes rules.
    package func retire(rulesIn tables: [TableName]) throws(DataplaneError) -> ApplyReport {
        let rules = retiredRules(in: tables.filter { LegacyTables.used(family).contains($0) })
        var report = try rules.apply(rules.removal())
        guard IPVSSocket.isLoaded else { return report }
        let present = try servers.observe()
        if ownConnectionsEnd == nil {
            ownConnectionsEnd = ContinuousClock.now + drainTimeout
            // Whatever was looked at before counts from now on.
            ownConnectionEnds = [:]
        }
        report += try servers.remove(
            present.values.sorted { $0.key < $1.key }.map { .delete($0) }
        )
        report += try retireAddresses()
        report += try sets.removeEverything()
        return report
    }

    /// Unbinds all but what still has connections.
    private func retireAddresses() throws(DataplaneError) -> ApplyReport {
        let bound = try addresses.observe()
        draining = servers.draining(of: bound)
        let left = bound.subtracting(draining)
        let report = try withoutOwnConnections(left) { (done) throws(DataplaneError) in
            try addresses.remove(AddressChange.changes(from: done, to: AddressBinding()))
        }
        try addresses.removeLinkIfUnused()
        return report
    }
}
