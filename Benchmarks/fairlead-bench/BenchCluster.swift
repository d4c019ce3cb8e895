import Addressing
import Glibc
import KubernetesTestServer
import ServiceModel

/// An API server with a workload and a few Services to probe, in a network namespace that ends with
/// this process. Every endpoint is a server of this process.
final class BenchCluster {
    /// Endpoints that change at once in a burst.
    static let burst = 200
    /// Services of one endpoint each, which the changes are made to.
    private static let probeCount = 10

    private let workload: Workload
    private let cluster = TestCluster()
    private let server: KubernetesTestServer
    let probe: ServiceProbe
    /// Where the daemon's files are.
    let directory: String
    /// How often each probed Service has changed.
    private var generations: [Int]

    /// ClusterIPs of the Services that changes are made to.
    let probes: [IPAddress]
    /// ClusterIPs from all over the workload.
    let landmarks: [IPAddress]

    init(_ workload: Workload) throws {
        self.workload = workload
        generations = Array(repeating: 0, count: Self.probeCount)
        probes = (0..<Self.probeCount).map { workload.clusterIP(workload.services + $0) }
        landmarks =
            [0, workload.services / 2, workload.services - 1].map { workload.clusterIP($0) }
            + probes
        try FairleadTables.enterNewNamespace()
        try Self.makeNetwork()
        probe = try ServiceProbe()
        directory = try Self.makeDirectory()
        var options = ServerOptions()
        // As often as API servers send them.
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

    /// Gives a probed Service another endpoint in place of its only one; the new one.
    func changeEndpoint(_ number: Int) -> IPAddress {
        let index = number % Self.probeCount
        generations[index] += 1
        cluster.put(.slice(slice(index)))
        return endpoint(index)
    }

    /// The seconds until such a change is in force.
    func timeChange(_ number: Int) throws -> Double {
        let began = Cost.seconds(CLOCK_MONOTONIC)
        let endpoint = changeEndpoint(number)
        try probe.waitForAnswer(of: probes[number % Self.probeCount], from: endpoint)
        return Cost.seconds(CLOCK_MONOTONIC) - began
    }

    /// The seconds until many changes in one go are in force, of which the probed one is the last.
    func timeBurst() throws -> Double {
        let count = min(Self.burst, workload.services)
        let step = workload.services / count
        let began = Cost.seconds(CLOCK_MONOTONIC)
        for number in 1..<count {
            let members = max(1, workload.endpoints - 1)
            cluster.put(.slice(workload.slice(number * step, members: members)))
        }
        let endpoint = changeEndpoint(0)
        try probe.waitForAnswer(of: probes[0], from: endpoint)
        return Cost.seconds(CLOCK_MONOTONIC) - began
    }

    private func slice(_ index: Int) -> EndpointSlice {
        var slice = workload.slice(workload.services + index, members: 0)
        slice.endpoints = [Endpoint(address: endpoint(index))]
        return slice
    }

    /// 10.254.0.0, and on: the end of the endpoints' range, in turn.
    private func endpoint(_ index: Int) -> IPAddress {
        IPAddress(ipv4: 0x0afe_0000 + UInt32(index << 8 + generations[index] % 250))
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
        var path = Array("/tmp/fairlead-bench-XXXXXX".utf8CString)
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
