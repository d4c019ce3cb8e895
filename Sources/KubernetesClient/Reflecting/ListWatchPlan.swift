import KubernetesAPI

/// Decides what to ask the API server next, from what became of the questions before.
///
/// Pure: it sends nothing and knows no clock. Resource versions are opaque here.
struct ListWatchPlan: Sendable {
    enum Step: Sendable, Hashable {
        /// All objects as events, and then their changes. An empty version is the newest state.
        case watchList(resourceVersion: String)
        /// `0` is whatever the server has at hand, empty what is in its database.
        case list(resourceVersion: String, inPages: Bool)
        case watch(resourceVersion: String)
    }

    /// What to do after a failure.
    enum Reaction: Sendable, Hashable {
        /// Ask the other question that `step` now says.
        case askAgain
        /// Wait, at least so long if the server said so.
        case backOff(atLeastSeconds: Int)
        /// The server does not have the resource for us, and we can do without.
        case rest
    }

    /// So many failures of a watch in a row lead to a new list.
    private static let watchFailureLimit = 5

    private let isOptional: Bool
    private let hasOptionalSelector: Bool
    private(set) var resourceVersion = ""
    /// Whether to send a field selector that old servers don't know.
    private(set) var usesOptionalSelector: Bool

    private var isListed = false
    private var serverRefusesWatchList = false
    private var skipsWatchListOnce = false
    private var inPages = true
    /// The server can't list from `resourceVersion`.
    private var versionIsUnavailable = false
    private var failures = 0

    /// `isOptional` resources may be missing or forbidden.
    init(isOptional: Bool = false, hasOptionalSelector: Bool = false) {
        self.isOptional = isOptional
        self.hasOptionalSelector = hasOptionalSelector
        usesOptionalSelector = hasOptionalSelector
    }

    /// What to ask now.
    var step: Step {
        let version = versionIsUnavailable ? "" : resourceVersion
        if isListed { return .watch(resourceVersion: resourceVersion) }
        if !serverRefusesWatchList, !skipsWatchListOnce {
            return .watchList(resourceVersion: version)
        }
        let isFirst = version.isEmpty && !versionIsUnavailable
        return .list(resourceVersion: isFirst ? "0" : version, inPages: inPages)
    }

    /// All objects are here, as of `resourceVersion`.
    mutating func listed(_ resourceVersion: String) {
        self.resourceVersion = resourceVersion
        isListed = true
        versionIsUnavailable = false
        skipsWatchListOnce = false
        inPages = true
        failures = 0
    }

    /// A watch got as far as `resourceVersion`.
    mutating func saw(_ resourceVersion: String) {
        self.resourceVersion = resourceVersion
        failures = 0
    }

    /// `step` failed with `error`.
    mutating func failed(_ step: Step, _ error: any Error) -> Reaction {
        failures += 1
        if let status = error as? APIStatus { return refused(step, status) }
        switch step {
        case .watchList:
            // A server from before watch-list sends objects and never their end.
            if error is IdleTimeout || failures > 1 && !(error is ConnectionFailure) {
                skipsWatchListOnce = true
            }
        case .list: break
        case .watch: relistAfterManyFailures(error)
        }
        return .backOff(atLeastSeconds: 0)
    }

    private mutating func refused(_ step: Step, _ status: APIStatus) -> Reaction {
        if status.isExpired || status.isResourceVersionTooLarge { return outOfRange(step) }
        let wait = Reaction.backOff(atLeastSeconds: status.retryAfterSeconds ?? 0)
        switch status.code {
        case 400: return badRequest(step)
        case 401, 408, 429, 503: return wait
        case 403, 404:
            return isOptional ? .rest : wait
        default: break
        }
        switch step {
        case .watchList:
            if (400..<500).contains(status.code) {
                serverRefusesWatchList = true
                return .askAgain
            }
            skipsWatchListOnce = true
        case .list: break
        case .watch: relistAfterManyFailures(status)
        }
        return wait
    }

    /// The version we named is too old, or too new for this server.
    private mutating func outOfRange(_ step: Step) -> Reaction {
        switch step {
        case .watch:
            // From the same version first: a list has to be no older than what we know.
            isListed = false
            return .backOff(atLeastSeconds: 0)
        case .watchList(let version), .list(let version, inPages: _):
            if !version.isEmpty, !versionIsUnavailable {
                versionIsUnavailable = true
                return .askAgain
            }
            if case .list(_, inPages: true) = step {
                // The pages took longer than the server keeps old versions.
                inPages = false
                return .askAgain
            }
            return .backOff(atLeastSeconds: 0)
        }
    }

    /// The server does not understand something: the field selector of a new kind first, then
    /// watch-list.
    private mutating func badRequest(_ step: Step) -> Reaction {
        if case .watch = step {
            isListed = false
            versionIsUnavailable = true
            return .backOff(atLeastSeconds: 0)
        }
        if usesOptionalSelector {
            usesOptionalSelector = false
            return .askAgain
        }
        if case .watchList = step {
            serverRefusesWatchList = true
            usesOptionalSelector = hasOptionalSelector
            return .askAgain
        }
        return .backOff(atLeastSeconds: 0)
    }

    /// Connections come and go, and the version stays good; but an answer that fails again and again
    /// may fail because of it.
    private mutating func relistAfterManyFailures(_ error: any Error) {
        guard !(error is ConnectionFailure), failures >= Self.watchFailureLimit else { return }
        isListed = false
    }
}
