package import ServiceModel

/// Holds Services that are missing from a source without having been deleted, if that is most of them: a
/// source that suddenly looks empty is probably broken.
///
/// A Service is *lost* when it disappears, or when the last of its endpoints that may serve does. A deleted
/// one is released at once, however many follow each other. While too many are lost because objects are
/// missing, those are *held*: the missing objects count as they were last seen. What the source still has
/// takes precedence: a held Service gives up a ClusterIP that another Service has by now, and is marked
/// (`Service.isHeld`) so that it wins no other contest. Endpoints that are known to be gone are not
/// brought back.
///
/// The guard releases a Service when it is seen again or is deleted, and all of them when enough are back,
/// when `holdTime` has passed since the last loss, or when an administrator confirms.
///
/// Pure: the caller passes the time. An update costs what it changes; the begin or end of a hold costs
/// what it holds, and a look at every ClusterIP.
package struct MassRemovalGuard: Sendable {
    package typealias Instant = ContinuousClock.Instant

    private(set) var settings: Settings
    /// What the guard returned.
    private var accepted = ServiceSnapshot()
    /// What the sources have.
    private var wanted = ServiceSnapshot()
    /// Services in `accepted` that serve or are held.
    private var serving = 0
    /// Empty unless they are held.
    private var lost: [ServiceName: LostService] = [:]
    /// How many of them were deleted.
    private var lostByDeletion = 0
    /// Losses that were accepted, and when; oldest first.
    private var recent: [(at: Instant, count: Int)] = []
    /// Nil as long as nothing is held.
    private var addresses: HeldAddresses?
    private var story = Story()
    /// When a Service was last added to the hold.
    private var lastLoss: Instant?
    /// A Service was lost since the last judgement.
    private var hasNewLoss = false
    private var endings: [Ending] = []
    package private(set) var hold: Hold?

    package init(_ settings: Settings) {
        self.settings = settings
    }

    /// The holds that have ended since the last call, the oldest first.
    package mutating func takeEndings() -> [Ending] {
        defer { endings = [] }
        return endings
    }

    /// Takes an update of the sources and returns the one to program. The first update is returned as it
    /// is: nothing can be lost yet.
    package mutating func take(_ update: SnapshotUpdate, at now: Instant) -> SnapshotUpdate {
        if let first = takeFirst(update) { return first }
        let names = names(update)
        var touched: Set<ServiceName> = []
        for name in names {
            let old = wanted.services[name]?.clusterIPs ?? []
            let new = update.snapshot.services[name]?.clusterIPs ?? []
            if old != new { touched.formUnion(addresses?.replace(old, by: new) ?? []) }
        }
        wanted = update.snapshot
        let unnamed = update.changed == .all ? Removals.Kind.missing : .deleted
        for name in names { judge(name, update.removals, unnamed) }
        // Losses shortly before a hold count for as long as it lasts.
        let window = settings.window
        if hold == nil { recent.removeAll { now - $0.at > window } }
        let ended = judge(now)
        let passed = pass(names.union(ended).union(touched), update.changed, now)
        hold?.total = serving
        return passed
    }

    /// Takes a first complete update, of which nothing can be lost, without looking each Service up in
    /// what was there before; nil if it is none.
    private mutating func takeFirst(_ update: SnapshotUpdate) -> SnapshotUpdate? {
        guard update.changed == .all, hold == nil, lost.isEmpty, accepted.isEmpty, wanted.isEmpty
        else { return nil }
        wanted = update.snapshot
        for (name, service) in wanted.services
        where service.isHeld || wanted.slices[name]?.mayServe == true {
            serving += 1
        }
        accepted.services = wanted.services
        accepted.slices = wanted.slices
        return finish([], .all)
    }

    /// Releases everything: an administrator confirms the loss. Nil if nothing is held.
    package mutating func confirm(at now: Instant) -> SnapshotUpdate? {
        release(.confirmed, at: now)
    }

    /// Releases everything if the hold time is over; nil otherwise.
    package mutating func expire(at now: Instant) -> SnapshotUpdate? {
        guard let hold, hold.until <= now else { return nil }
        return release(.expired, at: now)
    }

    /// Changes the settings and releases what the new ones would not hold; nil if that is nothing.
    package mutating func reconfigure(_ settings: Settings, at now: Instant) -> SnapshotUpdate? {
        guard settings != self.settings else { return nil }
        self.settings = settings
        guard hold != nil else { return nil }
        var released: Set<ServiceName> = []
        if !settings.holdsDeletions {
            released.formUnion(lost.filter { $0.value.isDeleted }.keys)
            for name in released { set(nil, of: name) }
        }
        released.formUnion(judge(now, .settings))
        return released.isEmpty ? nil : pass(released, .some([]), now)
    }

    private mutating func release(_ reason: Ending.Reason, at now: Instant) -> SnapshotUpdate? {
        guard hold != nil else { return nil }
        let update = pass(end(reason, at: now), .some([]), now)
        // Their loss is settled and does not count towards the next hold.
        recent = []
        return update
    }

    // MARK: - Losses

    private func names(_ update: SnapshotUpdate) -> Set<ServiceName> {
        switch update.changed {
        case .all:
            Set(wanted.services.keys).union(update.snapshot.services.keys)
                .union(wanted.slices.keys).union(update.snapshot.slices.keys)
        case .some(let names): names.union(update.removals.names)
        }
    }

    /// Determines whether a Service is lost, still, or no longer.
    private mutating func judge(
        _ name: ServiceName,
        _ removals: Removals,
        _ unnamed: Removals.Kind
    ) {
        let change = ServiceChange(
            name: name,
            old: accepted,
            new: wanted,
            removals: removals,
            unnamed: unnamed
        )
        guard var known = lost[name] else {
            if !change.stopsServing { return }
            if let loss = LostService(change, holdsDeletions: settings.holdsDeletions) {
                hasNewLoss = true
                set(loss, of: name)
            }
            return
        }
        switch known.follow(change, holdsDeletions: settings.holdsDeletions) {
        case .stillLost:
            set(known, of: name)
        case .returned:
            story.returned += 1
            set(nil, of: name)
        case .deleted:
            story.deleted += 1
            set(nil, of: name)
        }
    }

    private mutating func set(_ loss: LostService?, of name: ServiceName) {
        if lost[name]?.isDeleted == true { lostByDeletion -= 1 }
        if loss?.isDeleted == true { lostByDeletion += 1 }
        lost[name] = loss
        addresses?.keep(loss?.service, of: name)
    }

    /// Releases all that is lost; returns their names.
    private mutating func letGo(at now: Instant) -> Set<ServiceName> {
        let released = Set(lost.keys)
        if !released.isEmpty { recent.append((now, released.count)) }
        lost = [:]
        lostByDeletion = 0
        hasNewLoss = false
        addresses = nil
        return released
    }

    /// Begins or ends a hold; returns the Services that this releases.
    private mutating func judge(
        _ now: Instant,
        _ reason: Ending.Reason? = nil
    ) -> Set<ServiceName> {
        let earlier = recent.reduce(0) { $0 + $1.count }
        let losses = lost.count + earlier
        let total = serving + earlier
        let isTooMuch =
            !lost.isEmpty && losses >= settings.minimum
            && Double(losses) > Double(total) * settings.fraction
        guard isTooMuch else {
            return hold == nil ? letGo(at: now) : end(reason ?? story.reason, at: now)
        }
        if hasNewLoss { lastLoss = now }
        hasNewLoss = false
        if hold == nil {
            story = Story()
            var addresses = HeldAddresses(wanted)
            for (name, loss) in lost { addresses.keep(loss.service, of: name) }
            self.addresses = addresses
        }
        let since = hold?.since ?? now
        story.most = max(story.most, lost.count)
        hold = Hold(
            since: since,
            until: (lastLoss ?? now).advanced(by: settings.holdTime),
            services: lost.count,
            deleted: lostByDeletion,
            total: serving
        )
        return []
    }

    /// Ends the hold; returns the Services that this releases.
    private mutating func end(_ reason: Ending.Reason, at now: Instant) -> Set<ServiceName> {
        guard let hold else { return [] }
        let released = letGo(at: now)
        endings.append(
            Ending(
                reason: reason,
                lasted: now - hold.since,
                held: max(story.most, released.count),
                returned: story.returned,
                deleted: story.deleted,
                released: released.count
            )
        )
        self.hold = nil
        return released
    }

    // MARK: - Passing on

    /// Returns the named Services as they are to be programmed, held or not.
    private mutating func pass(
        _ names: Set<ServiceName>,
        _ changed: ChangedServices,
        _ now: Instant
    ) -> SnapshotUpdate {
        if lost.isEmpty { return passAll(names, changed) }
        var differing: Set<ServiceName> = []
        for name in names {
            var (service, slices) = (wanted.services[name], wanted.slices[name])
            if let loss = lost[name] {
                service = service ?? loss.service.map { addresses?.strip($0) ?? $0 }
                slices = loss.endpoints(beside: slices ?? [])
            }
            guard accepted.services[name] != service || accepted.slices[name] != slices else {
                continue
            }
            if accepted.isCounted(name) { serving -= 1 }
            accepted.services[name] = service
            accepted.slices[name] = slices
            if accepted.isCounted(name) { serving += 1 }
            differing.insert(name)
        }
        return finish(differing, changed)
    }

    /// Nothing is held, so that what the sources have passes as it is: its maps exist once. `names` includes
    /// all that differ.
    private mutating func passAll(
        _ names: Set<ServiceName>,
        _ changed: ChangedServices
    ) -> SnapshotUpdate {
        let differing = names.filter { name in
            guard
                accepted.services[name] != wanted.services[name]
                    || accepted.slices[name] != wanted.slices[name]
            else { return false }
            if accepted.isCounted(name) { serving -= 1 }
            if wanted.isCounted(name) { serving += 1 }
            return true
        }
        accepted.services = wanted.services
        accepted.slices = wanted.slices
        return finish(differing, changed)
    }

    private mutating func finish(
        _ differing: Set<ServiceName>,
        _ changed: ChangedServices
    ) -> SnapshotUpdate {
        accepted.issues = wanted.issues
        accepted.revision += 1
        if hold == nil, changed == .all { return SnapshotUpdate(snapshot: accepted, changed: .all) }
        return SnapshotUpdate(snapshot: accepted, changed: .some(differing))
    }
}

extension ServiceSnapshot {
    /// It has no Service and no endpoint.
    fileprivate var isEmpty: Bool { services.isEmpty && slices.isEmpty }

    /// The Service is there and has an endpoint that may serve.
    func serves(_ name: ServiceName) -> Bool {
        guard services[name] != nil, let slices = slices[name] else { return false }
        return slices.mayServe
    }

    /// It serves or is held.
    fileprivate func isCounted(_ name: ServiceName) -> Bool {
        services[name]?.isHeld == true || serves(name)
    }
}

extension [EndpointSlice] {
    /// Some endpoint may get connections.
    var mayServe: Bool {
        contains { slice in
            slice.endpoints.contains { $0.ready || ($0.serving && $0.terminating) }
        }
    }
}
