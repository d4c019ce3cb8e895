package import Dataplane

/// Decides when the next pass runs: soon after a change, not too often, again after a failure, and
/// periodically with an observation of the kernel, one family at a time.
///
/// Pure: the caller passes the time. At least `minInterval` lies between the end of a pass and the next.
/// Passes draw on a budget of processor time, so that a huge table is not rewritten constantly: it fills with
/// one part in `share` of the elapsed time, up to `burst`. While some is left, a request runs at once; a pass
/// that overdraws it is followed by a rest until the debt is paid. Waiting for another program's lock costs
/// nothing: a rest for it would keep changes back long after the lock is free.
///
/// A resync keeps no change waiting: it begins when nothing has been requested for a while, is given up for what comes
/// meanwhile, and draws on no budget. Where there is never enough time for one, it is done all the same in the end.
///
/// After a failure everything waits for the retry. Where it was that of one family alone, the changes of the others
/// go on meanwhile, and so do their repairs.
package struct PassScheduler: Sendable {
    /// In the long run passes use at most one part in this many of the time.
    package static let share = 6
    /// The largest budget that can build up. Enough for a dozen rewrites of a table of 5,000 Services
    /// with 10 endpoints each, at 160 ms.
    package static let burst = Duration.seconds(2)
    /// How long nothing must have been requested before a resync begins.
    package static let quiet = Duration.seconds(1)
    /// A resync that was due is put off for at most this many times the interval between two.
    package static let patience = 6

    package typealias Instant = ContinuousClock.Instant

    private let minInterval: Duration
    private let retryInterval: Duration
    private let maxRetryInterval: Duration
    private let resyncInterval: Duration

    private var requestedAt: Instant?
    private var earliest: Instant?
    /// The budget at `budgetAt`; negative is a debt.
    private var budget = burst
    private var budgetAt: Instant
    /// The first pass programs everything once and is not drawn from the budget.
    private var hasRunFirst = false
    private var retryAt: Instant?
    /// When the next resync may begin, and when it has to at the latest.
    private var resyncAt: Instant
    private var resyncDeadline: Instant
    /// Resyncs in a row that were given up.
    private var resyncsGivenUp = 0
    private var lastRequest: Instant
    private var wantsFull = true
    /// Passes in a row that failed.
    private var failures = 0
    /// The last failure was not that of all families.
    private var failsPartly = false
    /// Observations in a row after which another one was due.
    private var incompletes = 0

    /// The first pass is a full one and is due at `start`.
    ///
    /// - Parameters:
    ///   - minInterval: least time between the end of a pass and the next.
    ///   - retryInterval: time to the first retry after a failure; it doubles each time.
    ///   - maxRetryInterval: the longest time to a retry.
    ///   - fullInterval: time in which every family is observed once.
    ///   - families: how many; their observations are spread evenly over that time.
    ///   - start: now.
    package init(
        minInterval: Duration,
        retryInterval: Duration,
        maxRetryInterval: Duration,
        fullInterval: Duration,
        families: Int,
        start: Instant
    ) {
        self.minInterval = minInterval
        self.retryInterval = retryInterval
        self.maxRetryInterval = maxRetryInterval
        resyncInterval = fullInterval / max(1, families)
        requestedAt = start
        budgetAt = start
        lastRequest = start
        resyncAt = start.advanced(by: resyncInterval)
        resyncDeadline = resyncAt.advanced(by: resyncInterval * Self.patience)
    }

    /// Requests a pass; `full` if the kernel may have changed.
    package mutating func request(at now: Instant, full: Bool = false) {
        requestedAt = requestedAt ?? now
        lastRequest = now
        wantsFull = wantsFull || full
    }

    /// What a retry waits for is over.
    package mutating func retryNow(at now: Instant) {
        retryAt = retryAt.map { min($0, now) }
    }

    /// When to ask `due` again.
    package var nextWake: Instant {
        // A resync that is due meanwhile does not shorten the wait for a retry, which is a full pass.
        if failures > 0, !failsPartly, let retryAt { return max(retryAt, earliest ?? retryAt) }
        var wake = resyncStart
        if let retryAt { wake = min(wake, retryAt) }
        if let requestedAt { wake = min(wake, requestedAt) }
        return max(wake, earliest ?? wake)
    }

    /// When a resync begins if nothing more is requested.
    private var resyncStart: Instant {
        min(max(resyncAt, lastRequest.advanced(by: Self.quiet)), resyncDeadline)
    }

    /// The pass to run at `now`; nil if none is due.
    package func due(at now: Instant) -> PassKind? {
        guard nextWake <= now else { return nil }
        if let retryAt, retryAt <= now { return .full }
        if wantsFull { return failures > 0 ? .repair : .full }
        if resyncDeadline <= now { return .overdueResync }
        return requestedAt == nil ? .resync : .incremental
    }

    /// A pass that was due has ended, after so much processor time; one that is a resync may have been given up.
    package mutating func completed(
        _ kind: PassKind,
        at now: Instant,
        work: Duration,
        outcome: PassOutcome,
        isGivenUp: Bool = false
    ) {
        let isFirst = !hasRunFirst
        if !kind.isResync {
            earliest = now.advanced(by: max(minInterval, rest(after: work, at: now)))
        }
        requestedAt = nil
        if kind.isResync || isFirst {
            // Reading takes no more of the time than passes may.
            setResync(isGivenUp, resting: isFirst ? .zero : work * Self.share, at: now)
        }
        if case .failed(let retry, let partly) = outcome {
            failed(kind, retry, partly, at: now)
            return
        }
        if failures > 0, kind != .full {
            // The others went on; the family that failed still waits.
            if kind == .repair { wantsFull = false }
            return
        }
        failures = 0
        if kind == .full { wantsFull = false }
        guard outcome == .incomplete else {
            incompletes = 0
            retryAt = nil
            return
        }
        // Changes in between do not postpone the next observation.
        guard kind == .full || retryAt == nil else { return }
        incompletes += 1
        retryAt = now.advanced(by: delay(after: incompletes))
    }

    /// The next resync after one, or after the first pass; other full passes may have read nothing, or one family.
    private mutating func setResync(_ isGivenUp: Bool, resting rest: Duration, at now: Instant) {
        guard isGivenUp else {
            resyncsGivenUp = 0
            resyncAt = now.advanced(by: max(resyncInterval, rest))
            resyncDeadline = resyncAt.advanced(by: resyncInterval * Self.patience)
            return
        }
        let pause = min(Self.quiet * (1 << min(resyncsGivenUp, 20)), resyncInterval)
        resyncsGivenUp += 1
        resyncAt = now.advanced(by: max(pause, rest))
    }

    private mutating func failed(
        _ kind: PassKind,
        _ retry: PassOutcome.Retry,
        _ partly: Bool,
        at now: Instant
    ) {
        // A pass that left a family out does not put off the retry of that one.
        let earlier = failures > 0 && kind != .full ? retryAt : nil
        failures += 1
        failsPartly = partly
        // The others are repaired already.
        wantsFull = !partly || wantsFull && !kind.repairs
        let delay =
            switch retry {
            case .soon: retryInterval
            case .backingOff: delay(after: failures)
            case .slowly: maxRetryInterval
            }
        let next = now.advanced(by: delay)
        retryAt = next
        if let earlier, earlier > now { retryAt = min(next, earlier) }
    }

    /// Draws `work` from the budget; returns how long to wait until it is in credit again.
    private mutating func rest(after work: Duration, at now: Instant) -> Duration {
        guard hasRunFirst else {
            hasRunFirst = true
            budgetAt = now
            return .zero
        }
        budget = min(budget + (now - budgetAt) / Self.share, Self.burst) - work
        budgetAt = now
        return budget < .zero ? budget * -Self.share : .zero
    }

    /// How long to wait after this many failures in a row.
    private func delay(after tries: Int) -> Duration {
        min(retryInterval * (1 << min(tries - 1, 20)), maxRetryInterval)
    }
}
