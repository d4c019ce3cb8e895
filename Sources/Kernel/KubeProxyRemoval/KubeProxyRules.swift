package import Addressing
package import DataplaneModel
import Glibc
import HostFacts
import IPSets
import NodeAddresses
package import XTables

/// kube-proxy's objects in the kernel for one family, of any of its modes: found by their names, and
/// removed without changing anything else.
///
/// Connections translated by iptables or nftables continue, as connection tracking keeps them; those
/// through IPVS end. Works in the network namespace of the calling thread, which must be the
/// dataplane thread.
package struct KubeProxyRules {
    package let family: IPFamily
    private let store: IPTablesStore
    private let legacy: IPTablesDiff
    private let tables: KubeProxyTables
    private let servers: KubeProxyServers
    private let sets: [IPSetName: IPSet]

    /// Reads the objects. A subsystem that the kernel lacks holds none.
    ///
    /// - Throws: the kernel's refusal, such as `.notPermitted` without CAP_NET_ADMIN.
    package init(
        _ family: IPFamily,
        lock: XTablesLock.Configuration = XTablesLock.Configuration(),
        sparing ownership: Ownership = .fairlead
    ) throws(DataplaneError) {
        self.family = family
        // Reading a table that was never used would create it.
        let store = IPTablesStore(
            family: family,
            tables: LegacyTables.used(family),
            lock: lock,
            owns: KubeProxyNames.owns(chain:)
        )
        self.store = store
        legacy = try store.removal()
        tables = try KubeProxyTables.observe(family)
        sets = try Self.sets(family)
        servers = try KubeProxyServers(family, sets: sets, sparing: ownership)
    }

    private static func sets(
        _ family: IPFamily
    ) throws(DataplaneError) -> [IPSetName: IPSet] {
        do throws(DataplaneError) {
            return try setStore(family).observe()
        } catch {
            guard error.kind == .unsupported else { throw error }
            return [:]
        }
    }

    private static func setStore(_ family: IPFamily) -> IPSetStore {
        IPSetStore(family: family) { KubeProxyNames.owns(set: $0, family) }
    }

    /// Every object, one a line, in the order of removal.
    package var descriptions: [String] {
        var lines: [String] = []
        for table in legacy.tables {
            let place = "\(family.rawValue) \(table.table.rawValue)"
            for case .delete(let jump) in table.jumps {
                lines.append("\(place): a rule of \(jump.from.rawValue)\(Self.target(jump.rule))")
            }
            lines += table.chains.map { "\(place): chain \($0.name)" }
        }
        for object in tables.objects {
            if case .rules = object { continue }
            lines.append(object.subject(family))
        }
        lines += servers.servers.map { "IPVS: virtual server \($0)" }
        lines += servers.addresses.map { "address \($0.address) on \(KubeProxyNames.link)" }
        if servers.hasLink { lines.append("link \(KubeProxyNames.link), if no address is left") }
        lines += sets.keys.sorted().map { "set \($0)" }
        return lines
    }

    private static func target(_ rule: Rule) -> String {
        if case .jump(let chain) = rule.target { " to \(chain)" } else { "" }
    }

    /// Removes all objects: first what packets meet first, and sets when no rule uses them any more.
    ///
    /// To be called once. Objects that could not be removed are in `failures`; the rest is gone, but for the
    /// sets that remaining rules use.
    package func remove() -> ApplyReport {
        var report = ApplyReport()
        let rulesAreGone = report.attempt { () throws(DataplaneError) in try store.apply(legacy) }
        let tablesAreGone = report.attempt { () throws(DataplaneError) in
            try tables.remove(family)
        }
        report.attempt { () throws(DataplaneError) in try servers.remove() }
        guard rulesAreGone, tablesAreGone else { return report }
        report.attempt { () throws(DataplaneError) in try removeSets() }
        return report
    }

    /// The kernel releases a set some time after the last nftables rule that used it is gone.
    private func removeSets() throws(DataplaneError) -> ApplyReport {
        let store = Self.setStore(family)
        var report = ApplyReport()
        for attempt in 1...Self.attempts {
            let present = attempt == 1 ? sets : try store.observe()
            let done = try store.remove(IPSetChange.changes(from: present, to: [:]))
            report.operations += done.operations
            report.failures = done.failures
            if !done.failures.contains(where: { $0.kind == .busy }) { break }
            usleep(100_000)
        }
        return report
    }

    private static let attempts = 10
}
