package import ServiceModel

/// Holds back what would take most Services off the node at once, because a source that suddenly
/// looks empty is more often broken than right.
///
/// A Service is *lost* when it goes, or when the last of its endpoints that may serve goes. While
/// too many are lost, those keep their last state; everything else passes. The brake lets go when
/// enough of them are back, when `holdTime` is over, or when somebody confirms.
///
/// Pure: the caller brings the time. An update costs what it changes.
package struct RemovalBrake: Sendable {
    package typealias Instant = ContinuousClock.Instant

    /// When to hold.
    package struct Settings: Sendable, Equatable {
        /// More than this part of the Services has to be lost; 1 never holds.
        package var fraction: Double
        /// And at least so many.
        package var minimum: Int
        /// Losses this close together count as one.
        package var window: Duration
        /// How long to wait for the source to recover.
        package var holdTime: Duration

        package init(
            fraction: Double = 0.5,
            minimum: Int = 10,
            window: Duration = .seconds(30),
            holdTime: Duration = .seconds(600)
        ) {
            self.fraction = fraction
            self.minimum = minimum
            self.window = window
            self.holdTime = holdTime
        }
    }

    /// What is held back, for people.
    package struct Hold: Sendable, Equatable {
        package var since: Instant
        /// When it ends unless something else ends it.
        package var until: Instant
        /// Services that keep their last state.
        package var services: Int
        /// Services before the loss.
        package var total: Int
    }

    private let settings: Settings
    /// What was let through.
    private var accepted = ServiceSnapshot()
    /// What the sources say.
    private var wanted = ServiceSnapshot()
    /// Services that serve in `accepted`.
    private var serving = 0
    /// Services that serve in `accepted` and not in `wanted`.
    private var lost: Set<ServiceName> = []
    /// Losses that were let through, and when; oldest first.
    private var recent: [(at: Instant, count: Int)] = []
    package private(set) var hold: Hold?

    package init(_ settings: Settings) {
        self.settings = settings
    }

    /// Takes in what the sources say and returns what to go by. The first update passes whole:
    /// there is nothing to lose yet.
    package mutating func take(_ update: SnapshotUpdate, at now: Instant) -> SnapshotUpdate {
        let names: Set<ServiceName> =
            switch update.changed {
            case .all:
                Set(wanted.services.keys).union(update.snapshot.services.keys)
                    .union(wanted.slices.keys).union(update.snapshot.slices.keys)
            case .some(let names): names
            }
        wanted = update.snapshot
        for name in names {
            if accepted.serves(name), !wanted.serves(name) {
                lost.insert(name)
            } else {
                lost.remove(name)
            }
        }
        let window = settings.window
        recent.removeAll { now - $0.at > window }
        judge(now)
        let passing = hold == nil ? names.union(lost) : names.subtracting(lost)
        return pass(passing, update.changed, now)
    }

    /// Lets go of everything: somebody says that the loss is meant. Nil if nothing is held.
    package mutating func confirm(at now: Instant) -> SnapshotUpdate? {
        guard hold != nil else { return nil }
        hold = nil
        let update = pass(lost, .some(lost), now)
        // They were waited for or meant, and say nothing about the next ones.
        recent = []
        return update
    }

    /// Lets go if the time is over; nil as long as there is nothing to do.
    package mutating func expire(at now: Instant) -> SnapshotUpdate? {
        guard let hold, hold.until <= now else { return nil }
        return confirm(at: now)
    }

    private mutating func judge(_ now: Instant) {
        let earlier = recent.reduce(0) { $0 + $1.count }
        let losses = lost.count + earlier
        let total = serving + earlier
        let isTooMuch =
            !lost.isEmpty && losses >= settings.minimum
            && Double(losses) > Double(total) * settings.fraction
        guard isTooMuch else {
            hold = nil
            return
        }
        let since = hold?.since ?? now
        hold = Hold(
            since: since,
            until: since.advanced(by: settings.holdTime),
            services: lost.count,
            total: total
        )
    }

    private mutating func pass(
        _ names: Set<ServiceName>,
        _ changed: ChangedServices,
        _ now: Instant
    ) -> SnapshotUpdate {
        let losses = lost.intersection(names).count
        if losses > 0 { recent.append((now, losses)) }
        for name in names {
            if accepted.serves(name) { serving -= 1 }
            accepted.services[name] = wanted.services[name]
            accepted.slices[name] = wanted.slices[name]
            if accepted.serves(name) { serving += 1 }
        }
        lost.subtract(names)
        accepted.issues = wanted.issues
        accepted.revision += 1
        if hold == nil, changed == .all { return SnapshotUpdate(snapshot: accepted, changed: .all) }
        return SnapshotUpdate(snapshot: accepted, changed: .some(names))
    }
}

extension ServiceSnapshot {
    /// The Service is there and has an endpoint that may serve.
    fileprivate func serves(_ name: ServiceName) -> Bool {
        guard services[name] != nil, let slices = slices[name] else { return false }
        return slices.contains { slice in
            slice.endpoints.contains { $0.ready || ($0.serving && $0.terminating) }
        }
    }
}
