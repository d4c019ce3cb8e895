package import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
import Netlink

/// What connection tracking remembers of UDP in one family.
///
/// Works in the network namespace of the calling thread. It reads and deletes piece by piece, and
/// the kernel's locks are free in between; the memory it needs does not grow with the table.
package final class ConntrackStore {
    /// What a look through the table did.
    package struct Report: Sendable, Equatable {
        /// Entries for UDP that were looked at.
        package var examined = 0
        /// Entries deleted.
        package var deleted = 0
        /// Entries that the kernel refused to delete.
        package var failures: [DataplaneError] = []

        package init() {}
    }

    package let family: IPFamily
    /// The kernel takes the filter, as far as is known.
    private var filters = true

    package init(family: IPFamily) {
        self.family = family
    }

    /// So many entries are deleted in one go.
    private static let portion = 256

    /// Deletes the UDP flows that `isStale` picks. Entries of other protocols and of zones of other
    /// programs are never touched, nor is one that came while this ran.
    package func deleteFlows(
        where isStale: (UDPFlow) -> Bool
    ) throws(DataplaneError) -> Report {
        do throws(DataplaneError) {
            return try deleteFlows(filtered: filters, isStale)
        } catch {
            // Any refusal may be the filter's.
            guard filters, error.errno == EINVAL || error.errno == EOPNOTSUPP else { throw error }
            filters = false
        }
        do throws(DataplaneError) {
            return try deleteFlows(filtered: false, isStale)
        } catch {
            guard error.errno == EINVAL || error.kind == .unsupported else { throw error }
            throw error.explained(
                as: .unsupported,
                "the kernel does not list tracked connections: \(Cure.loadModule("nf_conntrack_netlink").command)"
            )
        }
    }

    private func deleteFlows(
        filtered: Bool,
        _ isStale: (UDPFlow) -> Bool
    ) throws(DataplaneError) -> Report {
        // Two sockets, as one waits for the dump's end.
        var reader = try NetlinkSocket(NETLINK_NETFILTER, name: "ctnetlink")
        var writer = try NetlinkSocket(NETLINK_NETFILTER, name: "ctnetlink")
        var report = Report()
        var stale: [ConntrackEntry] = []
        var batch = NetlinkBatch()
        batch.dumpUDP(family, filtered: filtered)
        // The table changes all the time, and what comes meanwhile is not stale.
        try reader.request(&batch, unlessChanged: false) { message throws(DataplaneError) in
            guard let entry = ConntrackEntry(message, family) else { return }
            report.examined += 1
            guard isStale(entry.flow) else { return }
            stale.append(entry)
            guard stale.count == Self.portion else { return }
            try delete(stale, &writer, &report)
            stale.removeAll(keepingCapacity: true)
        }
        try delete(stale, &writer, &report)
        return report
    }

    private func delete(
        _ entries: [ConntrackEntry],
        _ writer: inout NetlinkSocket,
        _ report: inout Report
    ) throws(DataplaneError) {
        guard !entries.isEmpty else { return }
        var batch = NetlinkBatch(reserving: 96 * entries.count)
        for entry in entries { batch.delete(entry, family) }
        let refusals = try writer.transact(&batch)
        report.deleted += entries.count - refusals.count
        // ENOENT: it ended by itself, or another one came in its place.
        report.failures += refusals.filter { $0.errno != ENOENT }.map { refusal in
            let flow = entries[refusal.index].flow
            let subject = "UDP flow to \(flow.destination) by way of \(flow.responder)"
            return .system("IPCTNL_MSG_CT_DELETE", subject, refusal.errno)
        }
    }
}
