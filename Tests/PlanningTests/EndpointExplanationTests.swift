import Addressing
import ServiceModel
import TestSupport
import Testing

@testable import Planning

/// Why an endpoint is used or not, in words, agrees with what is used.
@Suite("EndpointExplanation")
struct EndpointExplanationTests {
    private let name = ServiceName(namespace: "shop", name: "web")

    /// The verdicts on endpoints of a Service with both policies in use, by the address's last byte.
    private func explain(
        _ endpoints: [Endpoint],
        unhealthy: [SocketAddress: String] = [:]
    ) throws -> [UInt8: EndpointExplanation] {
        let port = try #require(PortNumber(80))
        var service = Service(
            name: name,
            kind: .nodePort,
            clusterIPs: [IPAddress(ipv4: 0x0a60_0001)],
            ports: [ServicePort(port: port, nodePort: PortNumber(30000))]
        )
        service.externalTrafficPolicy = .local
        let slices = [
            EndpointSlice(
                name: "s",
                service: name,
                family: .ipv4,
                ports: [EndpointPort(port: port)],
                endpoints: endpoints
            )
        ]
        let node = NodeIdentity(name: "here", zone: "a")
        let state = try #require(
            ServiceState(service, slices: slices, family: .ipv4, settings: .init(node: node))
        )
        let all = state.ports[0].explainEndpoints(
            slices,
            family: .ipv4,
            node: node,
            unhealthy: unhealthy
        )
        return Dictionary(
            uniqueKeysWithValues: all.map {
                (UInt8(truncatingIfNeeded: $0.address.address.bits), $0)
            }
        )
    }

    private func endpoint(_ last: UInt32, _ change: (inout Endpoint) -> Void = { _ in }) -> Endpoint
    {
        var endpoint = Endpoint(address: IPAddress(ipv4: 0x0a0a_0000 + last), nodeName: "here")
        change(&endpoint)
        return endpoint
    }

    @Test("The reasons are distinct")
    func reasons() throws {
        let seen = try explain([
            endpoint(1),
            endpoint(2) { $0.nodeName = "elsewhere" },
            endpoint(3) { $0.ready = false },
            endpoint(4) { ($0.ready, $0.terminating) = (false, true) },
            endpoint(5) { ($0.ready, $0.serving, $0.terminating) = (false, false, true) },
            endpoint(6) { $0.weight = 0 },
        ])
        #expect(seen[1]?.cluster == .chosen && seen[1]?.local == .chosen)
        #expect(seen[2]?.cluster == .chosen)
        #expect(seen[2]?.local == .onOtherNode)
        #expect(seen[3]?.cluster == .notReady && seen[3]?.local == .notReady)
        #expect(seen[4]?.local == .terminating)
        #expect(seen[5]?.cluster == .terminated)
        #expect(seen[6]?.cluster == .withoutWeight)
    }

    @Test("Hints and the lack of anything better")
    func hints() throws {
        let zones = try explain([
            endpoint(1) { $0.zoneHints = ["a"] }, endpoint(2) { $0.zoneHints = ["b"] },
        ])
        #expect(zones[1]?.cluster == .chosen)
        #expect(zones[2]?.cluster == .hintedElsewhere(["b"]))
        // Hints are not for policy Local.
        #expect(zones[2]?.local == .chosen)
        let draining = try explain([endpoint(1) { ($0.ready, $0.terminating) = (false, true) }])
        #expect(draining[1]?.cluster == .lastResort && draining[1]?.local == .lastResort)
    }

    @Test(
        "An endpoint that fails its checks is unhealthy, and one that is used for all that is not"
    )
    func unhealthy() throws {
        let port = try #require(PortNumber(80))
        let reasons = [1, 2, 3].map { endpoint($0).address }.map { SocketAddress($0, port) }
        let seen = try explain(
            [
                endpoint(1) { ($0.ready, $0.serving) = (false, false) }, endpoint(2),
                endpoint(3) { $0.weight = 0 },
            ],
            unhealthy: Dictionary(uniqueKeysWithValues: reasons.map { ($0, "Connection refused") })
        )
        #expect(seen[1]?.cluster == .unhealthy("Connection refused"))
        #expect(seen[1]?.local.text == "unhealthy: Connection refused")
        #expect(seen[2]?.cluster == .chosen && seen[3]?.cluster == .withoutWeight)
    }

    @Test("No endpoint is chosen that is not used, or the other way round", arguments: 1...4)
    func agreement(_ seed: Int) {
        var source = RandomSnapshots(seed: UInt64(seed))
        let settings = PlannerWalk<IPVSPlanner>.settings
        for _ in 0..<60 {
            let snapshot = source.next().snapshot
            for (name, service) in snapshot.services {
                let slices = (snapshot.slices[name] ?? []).filter { $0.family == .ipv4 }
                let state = ServiceState(service, slices: slices, family: .ipv4, settings: settings)
                for port in state?.ports ?? [] {
                    let all = port.explainEndpoints(
                        slices,
                        family: .ipv4,
                        node: settings.node
                    )
                    let cluster = all.filter { $0.cluster.isInList }.map(\.address)
                    let local = all.filter { $0.local.isInList }.map(\.address)
                    #expect(cluster == port.endpoints.cluster && local == port.endpoints.local)
                    #expect(!all.contains { $0.cluster == .hintedElsewhere([]) })
                }
            }
        }
    }
}
