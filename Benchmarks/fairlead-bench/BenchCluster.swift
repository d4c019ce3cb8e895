import Addressing
import Glibc
import KubernetesTestServer
import ServiceModel

/// An API server with a workload and a few Services to probe, in a network namespace that ends with
/// this process. Every endpoint is a server of this process.
final class BenchCluster {
    /// The most endpoints that change at once in a burst.
    static let largestBurst = 200
    /// Services of one endpoint each, which the changes are made to in turn.
    private static let probeCount = 100
    /// The addresses that a probed Service's endpoint has, one after the other.
    private static let addressCount = 250

    private let workload: Workload
    private let cluster = TestCluster()
    private let server: KubernetesTestServer
    var probe: ServiceProbe
    /// Where the daemon's files are.
    let directory: String
    /// How often each probed Service has changed.
    private var generations: [Int]
    /// The probed Service that is next.
    private var next = 0

    /// ClusterIPs of the Services that changes are made to.
    private let probes: [IPAddress]
    /// ClusterIPs from all over the workload.
    let landmarks: [IPAddress]

    init(_ workload: Workload) throws {
        self.workload = workload
        generations = Array(repeating: 0, count: Self.probeCount)
        probes = (0..<Self.probeCount).map { workload.clusterIP(workload.services + $0) }
        landmarks =
            [0, workload.services / 2, workload.services - 1].map { workload.clusterIP($0) }
            + [probes[0], probes[Self.probeCount - 1]]
        try FairleadTables.enterNewNamespace()
        try Self.makeNetwork()
        probe = try ServiceProbe()
        directory = try Self.makeDirectory()
        var options = ServerOptions()
        // As API servers do it: a daemon at rest hears something once a minute.
        options.bookmarkInterval = .seconds(60)
        server = KubernetesTestServer(cluster, options: options)
        cluster.put(.node(ClusterNode(name: "node", addresses: [IPAddress(ipv4: 0xc000_0201)])))
        cluster.put(.serviceCIDR(name: "kubernetes", [Workload.clusterIPs]))
        let all = 0..<workload.services
        cluster.put(all.map { .service(workload.service($0)) })
        cluster.put(all.map { .slice(workload.slice($0, members: workload.endpoints)) })
        for index in generations.indices {
            cluster.put(.service(workload.service(workload.services + index)))
            cluster.put(.slice(slice(index)))
        }
        _ = cluster.encode(.protobuf)
        let port = try Waiting.value { [server] in try await server.start() }
        try write("kubeconfig", Self.kubeconfig(port))
    }

    /// Removes the daemon's files.
    func remove() { _ = try? ChildProcess.run("rm", "-r", directory) }

    /// Writes a file into the directory.
    func write(_ name: String, _ text: String) throws {
        guard let file = fopen("\(directory)/\(name)", "w") else {
            throw BenchFailure.system("\(directory)/\(name)")
        }
        defer { fclose(file) }
        guard fputs(text, file) >= 0 else { throw BenchFailure.system("\(directory)/\(name)") }
    }

    // MARK: - Changes

    /// A change of one endpoint that was made.
    struct Change {
        fileprivate var index: Int
        fileprivate var generation: Int
        var began: Double
    }

    /// Gives a probed Service another endpoint in place of its only one.
    func changeEndpoint() -> Change {
        defer { next = (next + 1) % Self.probeCount }
        generations[next] += 1
        let began = Cost.seconds(CLOCK_MONOTONIC)
        cluster.put(.slice(slice(next)))
        return Change(index: next, generation: generations[next], began: began)
    }

    func waitUntilInForce(_ change: Change) throws {
        try probe.wait(for: probes[change.index]) { reaches($0, change) }
    }

    /// Whether it is in force by now.
    private func isInForce(_ change: Change) throws -> Bool {
        try probe.connect(to: probes[change.index]).map { reaches($0, change) } ?? false
    }

    /// Whether a connection that arrived at `endpoint` shows that the change is in force, or a later one
    /// of the same Service.
    private func reaches(_ endpoint: IPAddress, _ change: Change) -> Bool {
        let last = generations[change.index]
        return (change.generation...last).contains { self.endpoint(change.index, $0) == endpoint }
    }

    /// The seconds until such a change is in force.
    func timeChange() throws -> Double {
        let change = changeEndpoint()
        try waitUntilInForce(change)
        return Cost.seconds(CLOCK_MONOTONIC) - change.began
    }

    /// The seconds until each of many changes is in force, made at a steady rate whether those before
    /// are in force or not.
    func timeChanges(_ count: Int, every interval: Double) throws -> [Double] {
        var times: [Double] = []
        var outstanding: [Change] = []
        let began = Cost.seconds(CLOCK_MONOTONIC)
        var checked = began
        var made = 0
        while made < count || !outstanding.isEmpty {
            let now = Cost.seconds(CLOCK_MONOTONIC)
            let due = made < count ? began + Double(made) * interval : .infinity
            if now >= due {
                outstanding.append(changeEndpoint())
                made += 1
                continue
            }
            if now > checked + 0.5 {
                try probe.guardian()
                checked = now
            }
            guard let oldest = outstanding.first else {
                usleep(UInt32((due - now) * 1e6))
                continue
            }
            if try isInForce(oldest) {
                times.append(Cost.seconds(CLOCK_MONOTONIC) - oldest.began)
                outstanding.removeFirst()
            } else {
                let pause = ServiceProbe.pause(after: now - oldest.began)
                usleep(UInt32(min(Double(pause), max(0, due - now) * 1e6)))
            }
        }
        return times
    }

    /// How many change at once in a burst.
    var burst: Int { min(Self.largestBurst, workload.services) }

    /// The seconds until many changes in one go are in force, of which the probed one is the last.
    func timeBurst() throws -> Double {
        let count = burst
        let step = workload.services / count
        let began = Cost.seconds(CLOCK_MONOTONIC)
        for number in 1..<count {
            let members = max(1, workload.endpoints - 1)
            cluster.put(.slice(workload.slice(number * step, members: members)))
        }
        try waitUntilInForce(changeEndpoint())
        return Cost.seconds(CLOCK_MONOTONIC) - began
    }

    private func slice(_ index: Int) -> EndpointSlice {
        var slice = workload.slice(workload.services + index, members: 0)
        slice.endpoints = [Endpoint(address: endpoint(index, generations[index]))]
        return slice
    }

    /// 10.254.0.0, and on: the end of the endpoints' range, in turn.
    private func endpoint(_ index: Int, _ generation: Int) -> IPAddress {
        IPAddress(ipv4: 0x0afe_0000 + UInt32(index << 8 + generation % Self.addressCount))
    }

    // MARK: - Surroundings

    /// In the present namespace: every endpoint is this process, and ClusterIPs only have to be routed
    /// somewhere.
    static func makeNetwork() throws {
        try ChildProcess.run("ip", "link", "set", "lo", "up")
        try ChildProcess.run("ip", "address", "add", "192.0.2.1/32", "dev", "lo")
        try ChildProcess.run("ip", "route", "add", "local", "10.128.0.0/9", "dev", "lo")
        try ChildProcess.run(
            "ip",
            "route",
            "add",
            "10.96.0.0/12",
            "dev",
            "lo",
            "src",
            "192.0.2.1"
        )
    }

    private static func makeDirectory() throws -> String {
        // On a disk where `/tmp` is not.
        var path = Array("/var/tmp/fairlead-bench-XXXXXX".utf8CString)
        guard mkdtemp(&path) != nil else { throw BenchFailure.system("mkdtemp") }
        return String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func kubeconfig(_ port: Int) -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: bench
        contexts: [{name: bench, context: {cluster: bench, user: bench}}]
        clusters: [{name: bench, cluster: {server: "http://127.0.0.1:\(port)"}}]
        users: [{name: bench, user: {}}]

        """
    }
}
