import KubernetesAPI
import KubernetesClient
import Telemetry

/// How the cluster is followed, as of one look.
struct ClusterStatus: Sendable {
    /// Nil before following has begun.
    var state: KubernetesSourceState?
    /// Why nothing is followed.
    var problem: String?
    /// The Services are those that the cluster held in an earlier run.
    var isFromMemory = false
}

extension ClusterStatus {
    /// Sorted by name.
    var resources: [(name: String, state: ResourceState)] {
        (state?.resources ?? [:]).map { ($0.rawValue, $1) }.sorted { $0.0 < $1.0 }
    }

    func metrics(at now: Moment) -> [MetricFamily] {
        func gauge(_ name: String, _ help: String, _ value: Double?) -> MetricFamily {
            let values = value.map { [("cluster", $0)] } ?? []
            return MetricFamily("fairlead_source_\(name)", help, .gauge, by: "source", values)
        }
        let states = resources.map(\.state)
        return [
            gauge(
                "last_answer_age_seconds",
                "Time since an API server last gave a sign of life for the kind of object heard of least.",
                states.compactMap { $0.silence(at: now) }.max()
            ),
            gauge(
                "failures",
                "Failures in a row to follow a kind of object, of the one that has most.",
                Double(states.map(\.failures).max() ?? 0)
            ),
            gauge(
                "lists_without_watch",
                "Complete lists since a watch last worked, of the kind of object that has most.",
                Double(states.map(\.listsWithoutWatch).max() ?? 0)
            ),
            gauge(
                "from_memory",
                "1 if what is served is what the source held in an earlier run.",
                isFromMemory ? 1 : 0
            ),
        ].filter { !$0.samples.isEmpty }
    }
}

extension ResourceState {
    /// Seconds since what is known was last known to be what the server has; nil if it never was, and
    /// if the server does not have the resource.
    func silence(at now: Moment) -> Double? {
        phase == .absent ? nil : lastSign.map { (now.instant - $0).inSeconds }
    }
}
