import KubernetesAPI

/// Decides the next request to the API server from the results of earlier ones.
///
/// Pure: it sends nothing, and the time is passed in. Resource versions are opaque.
struct ListWatchPlan: Sendable {
    enum Step: Sendable, Hashable {
        /// All objects as events, followed by their changes. An empty version is the newest state.
        case watchList(resourceVersion: String)
        /// `0` is whatever the server has cached, empty the state of its database, and any other
        /// version the oldest acceptable one. Only the first two are paged: with a limit, another
        /// version would be exact, and the result as old as it.
        case list(resourceVersion: String, inPages: Bool)
        case watch(resourceVersion: String)
    }

    /// What to do after a request.
    enum Reaction: Sendable, Hashable {
        /// Nothing failed, or another request may help: send it at once.
        case askAgain
        /// Nothing failed, but every node may be in the same state: send it within a second.
        case askSoon
        /// Wait, at least as long as the server asked for.
        case backOff(atLeastSeconds: Int)
        /// The server does not offer the resource, which is optional.
        case rest
    }

    /// Relist after this many consecutive failures of a watch.
    private static let watchFailureLimit = 5
    /// How many watches may find their version expired, without a working one in between, before
    /// that counts as a failure.
    private static let expiryLimit = 2
    /// How long not to ask a server for a watch-list after one did not come to its end.
    private static let silentWatchListPause = Duration.seconds(3600)

    private let isOptional: Bool
    private let hasOptionalSelector: Bool
    private(set) var resourceVersion = ""
    /// Whether to send a field selector that old servers do not support.
    private(set) var usesOptionalSelector: Bool
    /// Complete lists since a watch last worked.
    private(set) var listsWithoutWatch = 0

    private var isListed = false
    /// Until the next complete list.
    private var skipsWatchList = false
    private var noWatchListBefore = Duration.zero
    private var inPages = true
    /// The server cannot list from `resourceVersion`.
    private var versionIsUnavailable = false
    /// Consecutive failures.
    private var failures = 0
    /// Watches whose version was out of range, since a watch last worked.
    private var expiries = 0

    /// `isOptional` resources may be missing or forbidden.
    init(isOptional: Bool = false, hasOptionalSelector: Bool = false) {
        self.isOptional = isOptional
        self.hasOptionalSelector = hasOptionalSelector
        usesOptionalSelector = hasOptionalSelector
    }

    /// The next request at `now`.
    func step(at now: Duration) -> Step {
        if isListed { return .watch(resourceVersion: resourceVersion) }
        let version = versionIsUnavailable ? "" : resourceVersion
        if !skipsWatchList, now >= noWatchListBefore {
            return .watchList(resourceVersion: version)
        }
        if version.isEmpty {
            return .list(resourceVersion: versionIsUnavailable ? "" : "0", inPages: inPages)
        }
        return .list(resourceVersion: version, inPages: false)
    }

    /// All objects have been received, as of `resourceVersion`.
    mutating func listed(_ resourceVersion: String) {
        self.resourceVersion = resourceVersion
        isListed = true
        versionIsUnavailable = false
        skipsWatchList = false
        inPages = true
        failures = 0
        listsWithoutWatch += 1
    }

    /// A watch has reached `resourceVersion`.
    mutating func saw(_ resourceVersion: String) {
        self.resourceVersion = resourceVersion
    }

    /// A watch has delivered something, or has been open for a while.
    mutating func worked() {
        failures = 0
        expiries = 0
        listsWithoutWatch = 0
    }

    /// `step` failed with `error`.
    mutating func failed(_ step: Step, _ error: any Error, at now: Duration) -> Reaction {
        if let status = error as? APIStatus {
            if status.isExpired || status.isResourceVersionTooLarge {
                return outOfRange(step, isTooLarge: !status.isExpired)
            }
            failures += 1
            return refused(step, status)
        }
        failures += 1
        switch step {
        case .watchList:
            // Servers without watch-list support send objects but never the end marker.
            if error is IdleTimeout {
                noWatchListBefore = now + Self.silentWatchListPause
            } else if failures > 1, !(error is ConnectionFailure) {
                skipsWatchList = true
            }
        case .list: break
        case .watch: relistAfterManyFailures(error)
        }
        return .backOff(atLeastSeconds: 0)
    }

    private mutating func refused(_ step: Step, _ status: APIStatus) -> Reaction {
        let wait = Reaction.backOff(atLeastSeconds: status.retryAfterSeconds ?? 0)
        switch status.code {
        case 400: return badRequest(step)
        case 401, 408, 429, 503: return wait
        case 403, 404: return isOptional ? .rest : wait
        default: break
        }
        switch step {
        case .watchList:
            // Only once: the next list may go to another server.
            skipsWatchList = true
            return (400..<500).contains(status.code) ? .askAgain : wait
        case .list: break
        case .watch: relistAfterManyFailures(status)
        }
        return wait
    }

    /// The version in the request is too old, or too new for this server.
    private mutating func outOfRange(_ step: Step, isTooLarge: Bool) -> Reaction {
        switch step {
        case .watch:
            // Regardless of the age of the list: a slow server may report this late.
            expiries += 1
            // A list must not be older than the known state. If that has not led to a watch, or if
            // the server has not got as far, only its newest state helps.
            relist(fromNewest: expiries > 1 || isTooLarge)
            // After a failure since the list there was a delay already, in which the version may
            // have expired.
            return expiries > Self.expiryLimit && failures == 0
                ? .backOff(atLeastSeconds: 0) : .askAgain
        case .list(_, inPages: true):
            // The pages took longer than the server keeps old versions.
            inPages = false
            return .askAgain
        case .watchList(let version), .list(let version, inPages: _):
            if !version.isEmpty, !versionIsUnavailable {
                versionIsUnavailable = true
                return .askAgain
            }
            return .backOff(atLeastSeconds: 0)
        }
    }

    /// The server does not understand the request: drop the optional field selector first, then
    /// watch-list.
    private mutating func badRequest(_ step: Step) -> Reaction {
        if case .watch = step {
            relist(fromNewest: true)
            return .backOff(atLeastSeconds: 0)
        }
        if usesOptionalSelector {
            usesOptionalSelector = false
            return .askAgain
        }
        if case .watchList = step {
            skipsWatchList = true
            usesOptionalSelector = hasOptionalSelector
            return .askAgain
        }
        return .backOff(atLeastSeconds: 0)
    }

    /// Lost connections do not invalidate the version; but a request that fails repeatedly may fail
    /// because of it.
    private mutating func relistAfterManyFailures(_ error: any Error) {
        guard !(error is ConnectionFailure), failures >= Self.watchFailureLimit else { return }
        relist(fromNewest: false)
    }

    /// The next list may use the optional selector again: the server may support it by now.
    private mutating func relist(fromNewest: Bool) {
        isListed = false
        versionIsUnavailable = fromNewest
        usesOptionalSelector = hasOptionalSelector
    }
}
