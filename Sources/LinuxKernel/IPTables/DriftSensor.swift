package import Addressing
package import DataplaneModel

/// Notices that somebody else may have changed our tables, without reading them.
///
/// Two signs: a table's measures differ from those we left (certain), or another program let go of
/// the xtables lock (possible, since an edit may keep the measures). For use on the dataplane
/// thread.
package final class DriftSensor {
    /// What the signs say.
    package enum Suspicion: Sendable, Equatable {
        case none
        case possible
        case certain
    }

    private struct Place: Hashable {
        var family: IPFamily
        var table: TableName
    }

    private let families: [IPFamily]
    private let tables: [TableName]
    private var fingerprints: [Place: TableFingerprint] = [:]
    private var lockWatch: XTablesLockWatch
    private var heardLock = false

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

    /// From here on the lock's earlier use does not count: to be called right before an observation.
    package func willObserve() throws(DataplaneError) {
        _ = try lockWatch.drainEvents()
        heardLock = false
    }

    /// The signs since the last pass. A sign stays until it is acknowledged or observed.
    package func suspicion() throws(DataplaneError) -> Suspicion {
        if try lockWatch.drainEvents() { heardLock = true }
        if try measure() != fingerprints { return .certain }
        return heardLock ? .possible : .none
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
