/// The endpoints of each Service over time, as the API server has had them. Times are microseconds.
package struct EndpointHistory: Sendable {
    private var states: [[(since: Int, pods: Set<Int>)]]

    /// What Services have from the beginning.
    package init(_ pods: [Set<Int>]) {
        states = pods.map { [(0, $0)] }
    }

    /// From now on a Service has these.
    package mutating func set(_ service: Int, to pods: Set<Int>, at time: Int) {
        states[service].append((time, pods))
    }

    package func now(of service: Int) -> Set<Int> { states[service].last?.pods ?? [] }

    /// All sets of endpoints that a Service had at some time between these.
    package func endpoints(of service: Int, from start: Int, to end: Int) -> [Set<Int>] {
        let history = states[service]
        let first = history.lastIndex { $0.since <= start } ?? 0
        return history[first...].filter { $0.since <= end }.map(\.pods)
    }

    /// How long before `time` a pod left the Service; 0 if it is one of its endpoints then, and nil if it never was.
    package func absence(of pod: Int, from service: Int, at time: Int) -> Int? {
        let history = states[service].filter { $0.since <= time }
        guard let last = history.lastIndex(where: { $0.pods.contains(pod) }) else { return nil }
        return last + 1 < history.count ? time - history[last + 1].since : 0
    }
}
