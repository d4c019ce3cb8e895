import Addressing
import DataplaneModel
import NodeAddresses
import SocketDiag

// While an address is bound, it is the source of the host's own connections to it, whatever mode leads them. IPVS knows
// nothing of those that another mode leads, or led when they began, and without the address their answers would not be
// taken in.
extension IPVSStore {
    /// Runs `unbind` for the part of `left` that the host's own connections do not need; the rest waits.
    func withoutOwnConnections(
        _ left: AddressBinding,
        _ unbind: (AddressBinding) throws(DataplaneError) -> ApplyReport
    ) throws(DataplaneError) -> ApplyReport {
        if left.isEmpty { return ApplyReport() }
        guard nextLook <= .now else {
            draining = draining.union(left)
            return ApplyReport()
        }
        // Where another mode serves, any connection may be one that it leads; else few are led by any but IPVS.
        let isRetired = ownConnectionsEnd != nil
        let kept = try neededByHost(of: left, ifUnknown: isRetired ? left : AddressBinding())
        draining = draining.union(kept)
        let done = left.subtracting(kept)
        if done.isEmpty { return ApplyReport() }
        var report = try unbind(done)
        for address in done.addresses { ownConnectionEnds[address] = nil }
        // What has no virtual server any more is led nowhere in our mode.
        guard isRetired else { return report }
        // For connections made between the look and the removal: answers that were lost meanwhile come again.
        let late = try neededByHost(of: done, ifUnknown: AddressBinding())
        if !late.isEmpty {
            report += try addresses.make(AddressChange.changes(from: AddressBinding(), to: late))
            draining = draining.union(late)
        }
        return report
    }

    /// The bound addresses, `beside` those that wait anyway, that belong to no frontend any more and that the host's own
    /// connections need.
    func keptForHost(
        in state: IPVSState,
        beside waiting: Set<IPAddress>
    ) throws(DataplaneError) -> Set<IPAddress> {
        var left = state.binding.addresses.subtracting(waiting)
        left.subtract(state.servers.keys.compactMap(\.address))
        if left.isEmpty { return [] }
        for set in state.sets.values {
            for case .frontend(let frontend, _) in set.entries.keys {
                left.remove(frontend.address)
            }
        }
        let binding = AddressBinding(addresses: left)
        return try neededByHost(of: binding, ifUnknown: AddressBinding()).addresses
    }

    /// The part of a binding that the host's own connections go to, without what has been waited for long enough: the
    /// drain timeout, from the end of its mode or from when it was first looked at. `unknown` if the kernel does not
    /// list sockets.
    func neededByHost(
        of binding: AddressBinding,
        ifUnknown unknown: AddressBinding
    ) throws(DataplaneError) -> AddressBinding {
        let began = ContinuousClock.now
        if let ownConnectionsEnd, ownConnectionsEnd <= began { return AddressBinding() }
        let end = began + drainTimeout
        var waiting = binding
        waiting.addresses = waiting.addresses.filter { ownConnectionEnds[$0] ?? end > began }
        if waiting.isEmpty { return waiting }
        do throws(DataplaneError) {
            let needed = waiting.part(for: try LocalConnections.addresses(family))
            // A host may have very many sockets.
            nextLook = .now + (.now - began) * Self.lookShare
            for address in needed.addresses {
                ownConnectionEnds[address] = ownConnectionEnds[address] ?? end
            }
            return needed
        } catch {
            // While our mode serves, an address is kept where that can be found out, and nothing fails for it.
            let isDispensable = error.kind == .notPermitted && ownConnectionsEnd == nil
            guard error.kind == .unsupported || isDispensable else { throw error }
            return unknown
        }
    }

    /// Looks take at most one part in this many of the time between them.
    private static var lookShare: Int { 20 }
}
