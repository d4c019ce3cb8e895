import Addressing
import FoundationEssentials
import KubernetesAPI

/// When endpoints changed in the cluster that no pass has programmed yet, by family. Of a family that is not
/// programmed for long, the latest are kept.
struct ProgrammingLatencies {
    /// So many are kept of a family.
    static let limit = 4096

    private var triggers: [IPFamily: [APITime]] = [:]

    /// How many are kept of all families.
    var count: Int { triggers.values.reduce(0) { $0 + $1.count } }

    mutating func add(_ new: [EndpointTrigger]) {
        for trigger in new { triggers[trigger.family, default: []].append(trigger.time) }
        for (family, times) in triggers where times.count > Self.limit {
            triggers[family]?.removeFirst(times.count - Self.limit)
        }
    }

    /// Seconds from each change in a family to `now`, when it is programmed. A clock that is behind
    /// the cluster's makes no negative ones.
    mutating func take(_ family: IPFamily, at now: Date) -> [Double] {
        let seconds = now.timeIntervalSince1970
        return (triggers.removeValue(forKey: family) ?? []).map {
            max(0, seconds - Double($0.seconds) - Double($0.nanoseconds) / 1e9)
        }
    }

    /// Forgets the changes in families that are not served.
    mutating func keep(_ served: some Sequence<IPFamily>) {
        let served = Set(served)
        triggers = triggers.filter { served.contains($0.key) }
    }
}
