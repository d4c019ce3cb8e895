package import DataplaneModel
import IPSets
import NodeAddresses
import SocketDiag
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
        state.binding = left.subtracting(try neededByHost(of: left))
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
        ownConnectionsEnd = ownConnectionsEnd ?? ContinuousClock.now + drainTimeout
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

// MARK: The host's own connections

// While an address is bound, it is the source of the host's own connections to it, whatever mode leads them. IPVS knows
// nothing of those that another mode leads, and without the address their answers would not be taken in.
extension IPVSStore {
    /// Runs `unbind` for the part of `left` that the host's own connections do not need; the rest waits.
    func withoutOwnConnections(
        _ left: AddressBinding,
        _ unbind: (AddressBinding) throws(DataplaneError) -> ApplyReport
    ) throws(DataplaneError) -> ApplyReport {
        if left.isEmpty { return ApplyReport() }
        guard ownConnectionsEnd != nil else { return try unbind(left) }
        guard nextLook <= .now else {
            draining = draining.union(left)
            return ApplyReport()
        }
        let kept = try neededByHost(of: left)
        draining = draining.union(kept)
        let done = left.subtracting(kept)
        if done.isEmpty { return ApplyReport() }
        var report = try unbind(done)
        // For connections made between the look and the removal: answers that were lost meanwhile come again.
        let late = try neededByHost(of: done)
        if !late.isEmpty {
            report += try addresses.make(AddressChange.changes(from: AddressBinding(), to: late))
            draining = draining.union(late)
        }
        return report
    }

    /// The part of a binding that the host's own connections go to; none after the drain timeout. All of it if the
    /// kernel does not list sockets.
    private func neededByHost(
        of binding: AddressBinding
    ) throws(DataplaneError) -> AddressBinding {
        if binding.isEmpty { return binding }
        let began = ContinuousClock.now
        if let ownConnectionsEnd, ownConnectionsEnd <= began { return AddressBinding() }
        do throws(DataplaneError) {
            let needed = binding.part(for: try LocalConnections.addresses(family))
            // A host may have very many sockets.
            nextLook = .now + (.now - began) * Self.lookShare
            return needed
        } catch {
            guard error.kind == .unsupported else { throw error }
            return binding
        }
    }

    /// Looks take at most one part in this many of the time between them.
    private static var lookShare: Int { 20 }
}
