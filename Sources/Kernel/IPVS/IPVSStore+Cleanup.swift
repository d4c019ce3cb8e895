package import DataplaneModel
import Glibc
import HostFacts
import IPSets
import NodeAddresses
import XTables

extension IPVSStore {
    /// Removes all our objects of any mode, ending drains at once. A subsystem that the kernel lacks
    /// holds no objects.
    ///
    /// What cannot be removed is in `failures`; the rest goes, but not what protects or holds it: the rules
    /// close other ports of bound addresses, and use the sets. `unguard` is to end what the rules guard
    /// besides. It runs right before they go, when no wait for their lock can fail any more; they stay if it
    /// fails.
    package func removeEverything(
        after unguard: () throws(DataplaneError) -> Void = { () throws(DataplaneError) in }
    ) -> ApplyReport {
        var report = ApplyReport()
        report.attempt { () throws(DataplaneError) in
            let bound = try addresses.observe()
            let report = try addresses.remove(
                AddressChange.changes(from: bound, to: AddressBinding())
            )
            try addresses.removeLinkIfUnused()
            return report
        }
        let isUnbound = report.failures.isEmpty
        if IPVSSocket.isLoaded {
            report.attempt { () throws(DataplaneError) in try servers.removeEverything() }
        }
        guard isUnbound else { return report }
        let rulesAreGone = report.attempt { () throws(DataplaneError) in
            try rules(in: LegacyTables.used(family)).removeEverything(after: unguard)
        }
        guard rulesAreGone else { return report }
        report.attempt { () throws(DataplaneError) in try sets.removeEverything() }
        return report
    }
}

extension VirtualServerStore {
    /// Deletes all our virtual servers, draining ones included.
    func removeEverything() throws(DataplaneError) -> ApplyReport {
        try withSocket { (socket) throws(DataplaneError) in
            drains = [:]
            known = []
            let requests = try ownVirtualServers(socket).map {
                IPVSRequest.deleteVirtualServer($0.key)
            }
            let failures = try socket.carryOut(requests).map(\.error)
            return ApplyReport(operations: requests.count - failures.count, failures: failures)
        }
    }
}
