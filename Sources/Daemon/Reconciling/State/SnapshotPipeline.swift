package import HealthChecking
package import ServiceModel
import ServiceSources

/// Turns the updates of sources into what a pass is given: merged, with Services held by the removal guard
/// if too many are missing, and without the endpoints that fail their health checks.
///
/// Pure: the caller brings the time. An update costs what it changes.
package struct SnapshotPipeline: Sendable {
    package typealias Instant = ContinuousClock.Instant

    private var merger: SnapshotMerger
    private var removalGuard: MassRemovalGuard
    private var health = HealthFilter()
    /// What sources have changed since their first report while another had not reported.
    private var early: [ServiceOrigin: SnapshotUpdate] = [:]
    /// Changes since the last pass began.
    private var changed = ChangedServices.some([])

    /// An update that went through.
    package struct Step: Sendable {
        /// As the removal guard let it through.
        package var update: SnapshotUpdate
        /// What was to be programmed before it.
        package var previous: ServiceSnapshot
        /// What to probe from now on, or no longer.
        package var targets: TargetChanges
    }

    /// Nothing goes through before all `origins` have reported; `fileSource` is as for
    /// `SnapshotMerger`.
    package init(
        _ origins: Set<ServiceOrigin>,
        fileSource: String,
        _ settings: MassRemovalGuard.Settings
    ) {
        merger = SnapshotMerger(origins, fileSource: fileSource)
        removalGuard = MassRemovalGuard(settings)
    }

    /// The sources that have not reported yet.
    package var missing: [ServiceOrigin] { merger.missing }
    /// Services that the removal guard keeps though the sources have lost them.
    package var hold: MassRemovalGuard.Hold? { removalGuard.hold }
    /// What is to be programmed.
    package var snapshot: ServiceSnapshot { health.snapshot }
    /// The same with unhealthy endpoints.
    package var unfiltered: ServiceSnapshot { health.raw }
    package var withoutHealthyEndpoint: [ServicePortName] { health.withoutHealthyEndpoint }

    /// Takes in an update of a source; nil while another source has not reported.
    ///
    /// The removal guard sees every source's first report before later ones, so that it holds what
    /// goes missing while the daemon waits for another source.
    package mutating func take(
        _ update: SnapshotUpdate,
        from origin: ServiceOrigin,
        at now: Instant
    ) -> Step? {
        if !missing.isEmpty, !missing.contains(origin) {
            if early[origin]?.join(update) == nil { early[origin] = update }
            return nil
        }
        guard let merged = merger.take(update, from: origin) else { return nil }
        var accepted = removalGuard.take(merged, at: now)
        for (origin, update) in early.sorted(by: { $0.key < $1.key }) {
            guard let merged = merger.take(update, from: origin) else { continue }
            accepted.join(removalGuard.take(merged, at: now))
        }
        early = [:]
        return pass(accepted)
    }

    /// Applies changed verdicts of health checks; false if they change nothing.
    package mutating func take(_ changes: [HealthChange]) -> Bool {
        guard let update = health.apply(changes) else { return false }
        changed.formUnion(update.changed)
        return true
    }

    /// Releases what is held if its time is over; nil if nothing is released.
    package mutating func expire(at now: Instant) -> Step? {
        removalGuard.expire(at: now).map { pass($0) }
    }

    /// Releases what is held; nil if nothing is.
    package mutating func confirm(at now: Instant) -> Step? {
        removalGuard.confirm(at: now).map { pass($0) }
    }

    /// Changes the settings of the removal guard; nil if that releases nothing.
    package mutating func reconfigure(
        _ settings: MassRemovalGuard.Settings,
        at now: Instant
    ) -> Step? {
        removalGuard.reconfigure(settings, at: now).map { pass($0) }
    }

    /// Everything has to be planned again.
    package mutating func invalidate() { changed = .all }

    /// What the next pass has to plan. The dataplane remembers what it could not apply.
    package mutating func takePending() -> SnapshotUpdate {
        defer { changed = .some([]) }
        return SnapshotUpdate(snapshot: snapshot, changed: changed)
    }

    /// The holds that have ended since the last call.
    package mutating func takeEndings() -> [MassRemovalGuard.Ending] { removalGuard.takeEndings() }

    private mutating func pass(_ update: SnapshotUpdate) -> Step {
        let previous = snapshot
        let filtered = health.take(update)
        changed.formUnion(filtered.update.changed)
        return Step(update: update, previous: previous, targets: filtered.targets)
    }
}
