import Logging
import Reconciling

/// Logs each problem once when it appears and once when it is over.
struct ProblemLog: Sendable {
    /// Problems of one kind, with the messages for their begin and their end.
    struct Kind: Hashable, Sendable {
        fileprivate let begin: String
        fileprivate let end: String

        static let manifest = Kind(begin: "Manifest problem", end: "Manifest problem solved")
        static let cluster = Kind(begin: "Cluster problem", end: "Cluster problem solved")
        static let state = Kind(
            begin: "Cannot save state for the next start",
            end: "State for the next start can be saved again"
        )
        static let health = Kind(begin: "Health problem", end: "Health problem solved")
        static let object = Kind(
            begin: "Kernel refused an object, will retry",
            end: "Object no longer refused"
        )
        static let leftover = Kind(
            begin: "Objects of another mode remain, will retry to remove them",
            end: "Objects of another mode are gone"
        )
        static let sockets = Kind(
            begin: "Socket level problem, will retry",
            end: "Socket level problem solved"
        )
        static let service = Kind(begin: "Service problem", end: "Service problem solved")
    }

    private var known: [Kind: Set<String>] = [:]

    /// `problems` are all present ones of that kind; returns a line for each that is new or over.
    mutating func update(_ kind: Kind, _ problems: [String]) -> [LogLine] {
        let before = known[kind] ?? []
        if before.isEmpty, problems.isEmpty { return [] }
        let now = Set(problems)
        guard now != before else { return [] }
        known[kind] = now
        var reported = before
        let new = problems.filter { reported.insert($0).inserted }
        return new.map { LogLine(.warning, kind.begin, ["problem": $0]) }
            + before.subtracting(now).sorted().map { LogLine(.notice, kind.end, ["problem": $0]) }
    }
}
