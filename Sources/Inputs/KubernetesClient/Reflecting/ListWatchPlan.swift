import KubernetesAPI

/// Decides what to ask the API server next, from what became of the questions before.
///
/// Pure: it sends nothing, and time is told to it. Resource versions are opaque here.
struct ListWatchPlan: Sendable {
    enum Step: Sendable, Hashable {
        /// All objects as events, and then their changes. An empty version is the newest state.
        case watchList(resourceVersion: String)
        /// `0` is whatever the server has at hand, empty what is in its database, and any other
        /// version the oldest that will do. Only the first two go in pages: beside a limit a
        /// version would be exact, and the answer the state of then.
        case list(resourceVersion: String, inPages: Bool)
        case watch(resourceVersion: String)
    }

    /// What to do after a question.
    enum Reaction: Sendable, Hashable {
        /// Nothing failed, or another question helps: ask it at once.
        case askAgain
        /// Nothing failed, but every node may be in the same position: ask within a second.
        case askSoon
        /// Wait, at least so long if the server said so.
        case backOff(atLeastSeconds: Int)
        /// The server does not have the resource for us, and we can do without.
        case rest
    }

    /// So many failures of a watch in a row lead to a new list.
    private static let watchFailureLimit = 5
    /// So many watches may find their version expired, none working between them, before that is a
    /// failure.
    private static let expiryLimit = 2
    /// For so long a server is not asked for a watch-list that did not come to its end.
    private static let silentWatchListPause = Duration.seconds(3600)

    private let isOptional: Bool
    private let hasOptionalSelector: Bool
    private(set) var resourceVersion = ""
    /// Whether to send a field selector that old servers don't know.
    private(set) var usesOptionalSelector: Bool
    /// Complete lists since a watch last worked.
    private(set) var listsWithoutWatch = 0

    private var isListed = false
    /// Until the next complete list.
    private var skipsWatchList = false
    private var noWatchListBefore = Duration.zero
    private var inPages = true
    /// The server can't list from `resourceVersion`.
    private var versionIsUnavailable = false
    /// In a row.
    private var failures = 0
    /// Watches that found their version out of range since one last worked.
    private var expiries = 0

    /// `isOptional` resources may be missing or forbidden.
    init(isOptional: Bool = false, hasOptionalSelector: Bool = false) {
        self.isOptional = isOptional
        self.hasOptionalSelector = hasOptionalSelector
        usesOptionalSelector = hasOptionalSelector
    }

    /// What to ask at `now`.
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

    /// All objects are here, as of `resourceVersion`.
    mutating func listed(_ resourceVersion: String) {
        self.resourceVersion = resourceVersion
        isListed = true
        versionIsUnavailable = false
        skipsWatchList = false
        inPages = true
        failures = 0
        listsWithoutWatch += 1
    }

    /// A watch got as far as `resourceVersion`.
    mutating func saw(_ resourceVersion: String) {
        self.resourceVersion = resourceVersion
    }

    /// A watch brought something, or has stood for a while.
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
            // A server from before watch-list sends objects and never their end.
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
            // Once: the server may be another by the next list.
            skipsWatchList = true
            return (400..<500).contains(status.code) ? .askAgain : wait
        case .list: break
        case .watch: relistAfterManyFailures(status)
        }
        return wait
    }

    /// The version we named is too old, or too new for this server.
    private mutating func outOfRange(_ step: Step, isTooLarge: Bool) -> Reaction {
        switch step {
        case .watch:
            // However long ago the list was: a slow server takes its time to say so.
            expiries += 1
            // A list may be no older than what we know. Where that has not led to a watch, and
            // where the server has not got as far, only its newest state helps.
            relist(fromNewest: expiries > 1 || isTooLarge)
            // After a failure since the list we have waited already, and the version had the time
            // to become old.
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

    /// The server does not understand something: the field selector of a new kind first, then
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

    /// Connections come and go, and the version stays good; but an answer that fails again and again
    /// may fail because of it.
    private mutating func relistAfterManyFailures(_ error: any Error) {
        guard !(error is ConnectionFailure), failures >= Self.watchFailureLimit else { return }
        relist(fromNewest: false)
    }

    /// A new list asks for all that a server may have learnt since the last one.
    private mutating func relist(fromNewest: Bool) {
        isListed = false
        versionIsUnavailable = fromNewest
        usesOptionalSelector = hasOptionalSelector
    }
}
