import Addressing
import KubernetesTestServer
import NamespaceLab
import ServiceModel
import SoakJudging
import TestSupport

/// What the API server serves, and who may answer at what time.
struct SoakCluster {
    static let nodeName = "node-a"

    let state = TestCluster()
    /// The endpoints of each Service with clients, from when on.
    private(set) var truth: EndpointHistory
    private var ballast: [Set<Int>?]
    private(set) var changes = 0

    init(ballast count: Int) {
        truth = EndpointHistory((0..<SoakService.count).map { _ in [1, 2] })
        ballast = (0..<count).map { [1 + $0 % 4] }
        placeNode(at: IPFamily.allCases.map { .known(LabAddresses.node($0)) })
        for number in 0..<SoakService.count {
            let service = SoakService(number: number)
            state.put(.service(service.service()))
            put(service, pods: [1, 2])
        }
        for number in 0..<count { putBallast(number) }
    }

    /// The Node object has these addresses from now on.
    func placeNode(at addresses: [IPAddress]) {
        state.put(
            .node(
                ClusterNode(
                    name: Self.nodeName,
                    addresses: addresses,
                    podCIDRs: LabAddresses.podRanges.compactMap { IPPrefix($0) }
                )
            )
        )
    }

    /// One change; most are of Services without clients.
    mutating func change(_ random: inout SplitMix64) {
        changes += 1
        if Int.random(in: 0..<3, using: &random) == 0 {
            let service = SoakService(number: .random(in: 0..<SoakService.count, using: &random))
            let pods = Self.somePods(&random, mayBeNone: service.isRare)
            truth.set(service.number, to: pods, at: MonotonicClock.microseconds)
            put(service, pods: pods)
            return
        }
        let number = Int.random(in: 0..<ballast.count, using: &random)
        // Some go and come again. Few at once, as many look like a mistake to the daemon.
        let isMissing = ballast.count { $0 == nil }
        if ballast[number] != nil, isMissing < 8, Int.random(in: 0..<4, using: &random) == 0 {
            ballast[number] = nil
            state.delete(.services, ClusterKey(namespace: "ballast", name: "s\(number)"))
            state.delete(.endpointSlices, ClusterKey(namespace: "ballast", name: "s\(number)-1"))
        } else {
            ballast[number] = Self.somePods(&random, mayBeNone: true)
            putBallast(number)
        }
    }

    private static func somePods(_ random: inout SplitMix64, mayBeNone: Bool) -> Set<Int> {
        var pods = Set(SoakService.pods.filter { _ in Bool.random(using: &random) })
        if pods.isEmpty, !mayBeNone { pods = [.random(in: SoakService.pods, using: &random)] }
        return pods
    }

    private func put(_ service: SoakService, pods: Set<Int>) {
        state.put(IPFamily.allCases.map { .slice(service.slice($0, pods: pods)) })
    }

    private func putBallast(_ number: Int) {
        let name = ServiceName(namespace: "ballast", name: "s\(number)")
        let pods = ballast[number] ?? []
        state.put([
            .service(
                Service(
                    name: name,
                    origin: .cluster,
                    clusterIPs: [.known("10.97.\(number / 250).\(number % 250 + 1)")],
                    ports: [ServicePort(port: .known(80))]
                )
            ),
            .slice(
                EndpointSlice(
                    name: "s\(number)-1",
                    service: name,
                    family: .ipv4,
                    ports: [EndpointPort(port: .known(8080))],
                    endpoints: pods.sorted().map {
                        Endpoint(address: .known(LabAddresses.pod($0, .ipv4)))
                    }
                )
            ),
        ])
    }
}
