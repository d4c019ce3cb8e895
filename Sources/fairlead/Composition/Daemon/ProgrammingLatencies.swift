import Foundation
import KubernetesAPI

/// When endpoints changed in the cluster (annotation
/// `endpoints.kubernetes.io/last-change-trigger-time`) that no pass has programmed yet.
struct ProgrammingLatencies {
    private var triggers: [APITime] = []

    mutating func add(_ times: some Sequence<APITime>) {
        triggers += times
    }

    /// Seconds from each change to `now`, when it is programmed. A clock that is behind the
    /// cluster's makes no negative ones.
    mutating func take(at now: Date) -> [Double] {
        defer { triggers = [] }
        let seconds = now.timeIntervalSince1970
        return triggers.map { max(0, seconds - Double($0.seconds) - Double($0.nanoseconds) / 1e9) }
    }
}
