import Addressing
import FoundationEssentials
import KubernetesAPI

/// When endpoints changed in the cluster that no pass has programmed yet, by family.
struct ProgrammingLatencies {
    private var triggers: [IPFamily: [APITime]] = [:]

    mutating func add(_ new: some Sequence<EndpointTrigger>) {
        for trigger in new { triggers[trigger.family, default: []].append(trigger.time) }
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
