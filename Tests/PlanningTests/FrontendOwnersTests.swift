import Addressing
import DataplaneModel
import ServiceModel
import TestSupport
import Testing

@testable import Planning

/// What turns the kernel's counts into Services' says the same as the planner.
@Suite("FrontendOwners")
struct FrontendOwnersTests {
    @Test("Each virtual server belongs to the Service port that its plan names", arguments: 1...6)
    func agreement(_ seed: Int) {
        var source = RandomSnapshots(seed: UInt64(seed))
        let settings = PlannerWalk<IPVSPlanner>.settings
        for family in IPFamily.allCases {
            var desired = DesiredState(family: family, settings: settings)
            var planner = IPVSPlanner(family: family, settings: settings)
            for _ in 0..<40 {
                let update = source.next()
                let names = desired.select(
                    SnapshotUpdate(snapshot: update.snapshot, changed: .all)
                )
                _ = planner.plan(names, of: desired)
                let owners = FrontendOwners(update.snapshot, family: family, settings: settings)
                for (key, server) in planner.plan.servers {
                    // The title is the port's name and a noun; the port's name has the protocol not.
                    let owner = owners.owner(of: key)
                    #expect(
                        owner.map { server.title?.hasPrefix("\($0): ") == true } == true,
                        "\(key): \(server.title ?? "") is not \(owner.map { "\($0)" } ?? "none")"
                    )
                }
            }
        }
    }
}

@Suite("ServiceTally")
struct ServiceTallyTests {
    @Test("Counting what changed comes to the same as counting everything", arguments: 1...4)
    func increments(_ seed: Int) {
        var source = RandomSnapshots(seed: UInt64(seed))
        var desired = DesiredState(
            family: .ipv4,
            settings: PlannerWalk<IPVSPlanner>.settings
        )
        for _ in 0..<60 {
            let update = source.next()
            _ = desired.select(update)
            var whole = DesiredState(family: .ipv4, settings: desired.settings)
            _ = whole.select(SnapshotUpdate(snapshot: update.snapshot, changed: .all))
            #expect(desired == whole)
        }
        let total = desired.tally.total
        #expect(total.services == desired.services.count && total.endpoints > 0)
    }

    @Test("A health check counts ready addresses here, once each")
    func readyHere() throws {
        let name = ServiceName(namespace: "shop", name: "web")
        func port(_ number: Int) throws -> PortNumber { try #require(PortNumber(number)) }
        var service = Service(
            name: name,
            kind: .loadBalancer,
            clusterIPs: [IPAddress(ipv4: 0x0a60_0001)],
            ports: [
                ServicePort(name: "a", port: try port(80)),
                ServicePort(name: "b", port: try port(81)),
            ]
        )
        service.externalTrafficPolicy = .local
        service.healthCheckNodePort = try port(32100)
        let here = PlannerWalk<IPVSPlanner>.settings.node.name
        func endpoint(_ last: UInt32, ready: Bool = true, node: String) -> Endpoint {
            Endpoint(
                address: IPAddress(ipv4: 0x0a0a_0000 + last),
                ready: ready,
                terminating: !ready,
                nodeName: node
            )
        }
        let endpoints = [
            endpoint(1, node: here), endpoint(2, node: here), endpoint(3, ready: false, node: here),
            endpoint(4, node: "elsewhere"),
        ]
        var snapshot = ServiceSnapshot()
        snapshot.services[name] = service
        snapshot.slices[name] = [
            EndpointSlice(
                name: "s",
                service: name,
                family: .ipv4,
                ports: [
                    EndpointPort(name: "a", port: try port(8080)),
                    EndpointPort(name: "b", port: try port(8081)),
                    EndpointPort(name: "other", port: try port(8082)),
                ],
                endpoints: endpoints
            )
        ]
        func check() -> ServiceTally.HealthCheck? {
            var desired = DesiredState(
                family: .ipv4,
                settings: PlannerWalk<IPVSPlanner>.settings
            )
            _ = desired.select(SnapshotUpdate(snapshot: snapshot, changed: .all))
            return desired.tally.healthChecks[name]
        }
        #expect(check()?.readyHere == 2)
        // Those that are shutting down are used where there is nothing better, and counted nowhere.
        snapshot.slices[name]?[0].endpoints = [endpoints[2], endpoints[3]]
        #expect(check()?.readyHere == 0)
        snapshot.services[name]?.externalTrafficPolicy = .cluster
        #expect(check() == nil)
    }
}
