import Logging
import Reconciling

/// Says once that something is wrong, for as long as it is, and once that it no longer is.
struct ProblemLog: Sendable {
    enum Kind: Sendable {
        case manifest
        case cluster
        case state
        case health
        case object
        case leftover
        case service

        fileprivate var event: String {
            switch self {
            case .manifest: "Manifest problem"
            case .cluster: "Cluster problem"
            case .state: "Cannot save state for the next start"
            case .health: "Health problem"
            case .object: "Kernel refused an object, will retry"
            case .leftover: "Objects of another mode remain, will retry to remove them"
            case .service: "Service problem"
            }
        }

        fileprivate var end: String {
            switch self {
            case .manifest: "Manifest problem solved"
            case .cluster: "Cluster problem solved"
            case .state: "State for the next start can be saved again"
            case .health: "Health problem solved"
            case .object: "Object no longer refused"
            case .leftover: "Objects of another mode are gone"
            case .service: "Service problem solved"
            }
        }
    }

    private var known: [Kind: Set<String>] = [:]

    /// `problems` are all of that kind that there are now; what there is to say about them.
    mutating func update(_ kind: Kind, _ problems: [String]) -> [LogLine] {
        let before = known[kind] ?? []
        if before.isEmpty, problems.isEmpty { return [] }
        let now = Set(problems)
        guard now != before else { return [] }
        known[kind] = now
        var reported = before
        let new = problems.filter { reported.insert($0).inserted }
        return new.map { LogLine(.warning, kind.event, ["problem": $0]) }
            + before.subtracting(now).sorted().map { LogLine(.notice, kind.end, ["problem": $0]) }
    }
}
