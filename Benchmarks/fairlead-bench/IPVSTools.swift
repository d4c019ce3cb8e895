import Addressing
import DataplaneModel

/// The usual tools: ipset for the sets and ipvsadm for the virtual servers, fed with the same state.
struct IPVSTools {
    private let setText: String
    private let serverText: String

    init(_ state: IPVSState) {
        setText = state.sortedSets.flatMap(\.saveLines).map { $0 + "\n" }.joined()
        serverText = state.sortedServers.flatMap(\.saveLines).map { $0 + "\n" }.joined()
    }

    /// Into a namespace without any.
    func restore() throws -> (sets: Cost, servers: Cost) {
        (
            try ChildProcess.measure(["ipset", "restore"], input: setText),
            try ChildProcess.measure(["ipvsadm", "-R"], input: serverText)
        )
    }

    /// One endpoint of the middle Service goes and comes back, a process each; `count` times as
    /// much as one process takes. A shell starts ten at a time: to start one from a program as
    /// large as this costs more.
    func change(_ workload: Workload, count: Int) throws -> [Cost] {
        let index = workload.services / 2
        let service = SocketAddress(workload.clusterIP(index), Workload.port)
        let endpoint = SocketAddress(
            workload.endpoint(index, workload.endpoints - 1),
            Workload.targetPort
        )
        let object = "-t \(service) -r \(endpoint)"
        let pair = "ipvsadm -d \(object); ipvsadm -a \(object) -m; "
        let script = "set -e; " + String(repeating: pair, count: 5)
        return try (0..<count).map { _ in
            let cost = try ChildProcess.measure(["sh", "-c", script], input: "")
            return Cost(cpu: cost.cpu / 10, wall: cost.wall / 10)
        }
    }
}
