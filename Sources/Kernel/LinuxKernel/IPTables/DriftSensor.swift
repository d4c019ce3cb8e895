package import Addressing
package import DataplaneModel

/// Notices that somebody else may have changed our tables, without reading them.
///
/// Two signs: a table's measures differ from those we left (certain), or another program let go of
/// the xtables lock (possible, since an edit may keep the measures). For use on the dataplane
/// thread.
package final class DriftSensor {
    /// What the signs say.
    package struct Signs: Sendable, Equatable {
        /// Families with a table whose measures are not those we left.
        package var certain: Set<IPFamily> = []
        /// Families that another program may have changed: it held the lock, which does not say for
        /// which family.
        package var possible: Set<IPFamily> = []

        /// Nothing to be seen.
        package init() {}

        init(certain: Set<IPFamily>, possible: Set<IPFamily>) {
            self.certain = certain
            self.possible = possible
        }
    }

    private struct Place: Hashable {
        var family: IPFamily
        var table: TableName
    }

    private let families: [IPFamily]
    private let tables: [TableName]
    private var fingerprints: [Place: TableFingerprint] = [:]
    private var lockWatch: XTablesLockWatch
    /// Families not observed since another program let go of the lock.
    private var unobserved: Set<IPFamily> = []

    /// Begins to listen; the measures are unknown until `acknowledge`.
    package init(
        families: [IPFamily],
        tables: [TableName] = [.filter, .nat],
        lock: XTablesLock.Configuration
    ) throws(DataplaneError) {
        self.families = families
        self.tables = tables
        lockWatch = try XTablesLockWatch(lock)
    }

    /// Takes the present measures as those we left: to be called after a pass.
    package func acknowledge() throws(DataplaneError) {
        fingerprints = try measure()
    }

    /// From here on earlier uses of the lock do not count for some families: to be called right
    /// before they are observed.
    package func willObserve(_ observed: Set<IPFamily>) throws(DataplaneError) {
        try drain()
        unobserved.subtract(observed)
    }

    /// The signs since the last pass. A sign stays until it is acknowledged or observed.
    package func signs() throws(DataplaneError) -> Signs {
        try drain()
        let now = try measure()
        let changed = now.filter { fingerprints[$0.key] != $0.value }
        return Signs(certain: Set(changed.keys.map(\.family)), possible: unobserved)
    }

    private func drain() throws(DataplaneError) {
        if try lockWatch.drainEvents() { unobserved = Set(families) }
    }

    private func measure() throws(DataplaneError) -> [Place: TableFingerprint] {
        var result: [Place: TableFingerprint] = [:]
        for family in families {
            for table in tables {
                result[Place(family: family, table: table)] =
                    try TableFingerprint(of: table, family)
            }
        }
        return result
    }
}
