package import Addressing
import CNetlink
package import DataplaneModel
import Glibc
import HostFacts
import Netlink

/// The UDP entries of connection tracking in one family.
///
/// Works in the network namespace of the calling thread. Reads and deletes in portions, between which
/// the kernel's locks are free; memory use does not grow with the table.
package final class ConntrackStore {
    /// The outcome of one pass through the table.
    package struct Report: Sendable, Equatable {
        /// UDP entries that were examined.
        package var examined = 0
        /// Entries deleted.
        package var deleted = 0
        /// Entries that the kernel refused to delete.
        package var failures: [DataplaneError] = []

        package init() {}
    }

    package let family: IPFamily
    /// False once the kernel has refused the filter.
    private var filters = true

    package init(family: IPFamily) {
        self.family = family
    }

    /// How many entries are deleted at once.
    private static let portion = 256

    /// Deletes the UDP flows for which `isStale` is true. Never touches entries of other protocols or
    /// zones, nor one that replaces a stale entry meanwhile.
    ///
    /// - Throws: `.unsupported` if the kernel does not list its entries; else the error of the dump.
    package func deleteFlows(
        where isStale: (UDPFlow) -> Bool
    ) throws(DataplaneError) -> Report {
        do throws(DataplaneError) {
            return try deleteFlows(filtered: filters, isStale)
        } catch {
            // The filter may be what was refused.
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
        // Two sockets, as the reader is busy until the dump ends.
        var reader = try NetlinkSocket(NETLINK_NETFILTER, name: "ctnetlink")
        var writer = try NetlinkSocket(NETLINK_NETFILTER, name: "ctnetlink")
        var report = Report()
        var stale: [ConntrackEntry] = []
        var batch = NetlinkBatch()
        batch.dumpUDP(family, filtered: filtered)
        // The table changes all the time, and new entries are not stale.
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
        // ENOENT: the entry has ended, or was replaced.
        report.failures += refusals.filter { $0.errno != ENOENT }.map { refusal in
            let flow = entries[refusal.index].flow
            let subject = "UDP flow to \(flow.destination) by way of \(flow.responder)"
            return .system("IPCTNL_MSG_CT_DELETE", subject, refusal.errno)
        }
    }
}
