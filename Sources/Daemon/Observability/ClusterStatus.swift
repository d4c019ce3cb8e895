import KubernetesAPI
import KubernetesClient
import Telemetry

/// How following the cluster goes, as of one look at it.
struct ClusterStatus: Sendable, Equatable {
    /// One kind of object that is followed.
    struct Resource: Sendable, Equatable {
        /// `services`, `endpointslices`.
        var name: String
        /// In the words of ``ResourceState/Phase``.
        var phase: String
        /// Where the last answer came from.
        var server: String?
        /// The last sign that what is known is what the server has: an answer, an event or a
        /// bookmark. Nil as well if the server does not have the resource.
        var heard: Moment?
        /// Failures since a watch last worked.
        var failures = 0
        /// The last one, even if all is well by now; without secrets.
        var lastError: String?
        /// Complete lists received.
        var lists = 0
        /// Those since a watch last worked.
        var listsWithoutWatch = 0
        /// There were so many of them that what is known may be old.
        var isCircling = false
    }

    /// Sorted by name.
    var resources: [Resource] = []
    /// Why nothing is followed.
    var problem: String?
    /// What is served is what the cluster held in an earlier run.
    var isFromMemory = false
}

extension ClusterStatus {
    init(
        _ state: KubernetesSourceState?,
        problem: String?,
        isFromMemory: Bool,
        at now: Moment = .now
    ) {
        self.problem = problem
        self.isFromMemory = isFromMemory
        let known = state?.resources.sorted { $0.key.rawValue < $1.key.rawValue } ?? []
        resources = known.map { resource, state in
            Resource(
                name: resource.rawValue,
                phase: state.phase.words,
                server: state.server?.description,
                heard: (state.phase == .absent ? nil : state.lastSign)
                    .map { now.advanced(by: $0 - now.instant) },
                failures: state.failures,
                lastError: state.lastError,
                lists: state.lists,
                listsWithoutWatch: state.listsWithoutWatch,
                isCircling: state.isCircling
            )
        }
    }

    /// Failures of the resource that has most.
    var failures: Int { resources.map(\.failures).max() ?? 0 }

    /// Of the resources that a server has answered for, the one that was heard of longest ago.
    func silence(at now: Moment) -> Double? {
        resources.compactMap(\.heard).map { now.seconds(since: $0) }.max()
    }

    func metrics(at now: Moment) -> [MetricFamily] {
        func gauge(_ name: String, _ help: String, _ value: Double?) -> MetricFamily {
            let labels = [MetricFamily.Label("source", "cluster")]
            return MetricFamily(
                "fairlead_source_\(name)",
                help,
                .gauge,
                value.map { [.init(labels: labels, value: $0)] } ?? []
            )
        }
        return [
            gauge(
                "last_answer_age_seconds",
                "Time since an API server last gave a sign of life for the kind of object heard of least.",
                silence(at: now)
            ),
            gauge(
                "failures",
                "Failures in a row to follow a kind of object, of the one that has most.",
                Double(failures)
            ),
            gauge(
                "lists_without_watch",
                "Complete lists since a watch last worked, of the kind of object that has most.",
                Double(resources.map(\.listsWithoutWatch).max() ?? 0)
            ),
            gauge(
                "from_memory",
                "1 if what is served is what the source held in an earlier run.",
                isFromMemory ? 1 : 0
            ),
        ].filter { !$0.samples.isEmpty }
    }
}

extension ResourceState.Phase {
    fileprivate var words: String {
        switch self {
        case .connecting: "connecting"
        case .listing: "listing"
        case .watching: "watching"
        case .backingOff: "waiting after a failure"
        case .absent: "not there"
        }
    }
}
