package import DataplaneModel
import Glibc
import IPSets
import NodeAddresses
import XTables

extension IPVSStore {
    /// Removes all our objects of any mode, ending drains at once. A subsystem that the kernel lacks
    /// holds no objects.
    package func removeEverything() throws(DataplaneError) -> ApplyReport {
        var report = ApplyReport()
        report += try Self.ifSupported { () throws(DataplaneError) in
            let rules = rules(in: LegacyTables.used(family))
            return try rules.apply(rules.removal())
        }
        if IPVSSocket.isLoaded {
            report += try Self.ifSupported { () throws(DataplaneError) in
                try servers.removeEverything()
            }
        }
        report += try Self.ifSupported { () throws(DataplaneError) in
            let bound = try addresses.observe()
            let report = try addresses.remove(
                AddressChange.changes(from: bound, to: AddressBinding())
            )
            _ = try addresses.removeLinkIfUnused()
            return report
        }
        report += try Self.ifSupported { () throws(DataplaneError) in
            try sets.removeEverything()
        }
        return report
    }

    private static func ifSupported(
        _ body: () throws(DataplaneError) -> ApplyReport
    ) throws(DataplaneError) -> ApplyReport {
        do throws(DataplaneError) {
            return try body()
        } catch {
            guard error.kind == .unsupported else { throw error }
            return ApplyReport()
        }
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
