import Addressing
import DataplaneModel
import Glibc
import IPVS
import NamespaceLab
import Planning
import ServiceModel
import Testing
import XTables

extension KernelSuites {
    /// A Service that claims another node's address, in ipvs mode. The lab's client is that node.
    @Suite("Another node's address in UML", .enabled(if: UserModeLinux.isHere))
    struct OtherNodeUMLTests {
        private static let address = LabAddresses.client(.ipv4)

        @Test(
            "Known as another node's it keeps its other ports, and the Service answers; else not",
            arguments: [true, false]
        )
        func otherPorts(isKnown: Bool) throws {
            let fixture = try DaemonFixture(mode: "ipvs")
            let (node, pod) = (fixture.lab.node, fixture.lab.pod(3))
            let ports = [80, 9999].map { "\(Self.address):\($0)/tcp" }
            let other = try fixture.agent.serve(ports, as: "node-b", in: fixture.lab.client)
            defer { other.signal(SIGKILL) }
            #expect(try answer(fixture, 9999, in: node) == "node-b")
            try apply(try plan(isKnown), fixture)
            #expect(try answer(fixture, 80, in: node) == "pod1")
            #expect(try answer(fixture, 9999, in: node) == (isKnown ? "node-b" : "refused"))
            #expect(try answer(fixture, 9999, in: pod) == (isKnown ? "node-b" : "refused"))
            // Pods go the way of the address, to the node that has it and serves it, too.
            #expect(try answer(fixture, 80, in: pod) == (isKnown ? "node-b" : "pod1"))
        }

        private func plan(_ isKnown: Bool) throws -> IPVSState {
            let address = try #require(IPAddress(Self.address))
            var settings = PlannerSettings(
                node: NodeIdentity(name: "node-a"),
                localAddresses: [LabAddresses.node(.ipv4), LabAddresses.bridge(.ipv4)]
                    .compactMap { IPAddress($0) },
                detector: .sources(LabAddresses.podRanges.compactMap { IPPrefix($0) })
            )
            if isKnown { settings.otherNodes = [address: "node-b"] }
            let name = ServiceName(namespace: "shop", name: "web")
            var snapshot = ServiceSnapshot()
            snapshot.services[name] = Service(
                name: name,
                clusterIPs: [try #require(IPAddress(LifeScript.vip))],
                ports: [ServicePort(port: try #require(PortNumber(80)))],
                externalIPs: [address]
            )
            snapshot.slices[name] = [
                EndpointSlice(
                    name: "web-1",
                    service: name,
                    family: .ipv4,
                    ports: [EndpointPort(port: try #require(PortNumber(8080)))],
                    endpoints: [IPAddress(LabAddresses.pod(1, .ipv4))].compactMap { $0 }
                        .map { Endpoint(address: $0) }
                )
            ]
            var desired = DesiredState(family: .ipv4, settings: settings)
            var planner = IPVSPlanner(family: .ipv4, settings: settings)
            let update = SnapshotUpdate(snapshot: snapshot, changed: .all)
            planner.load(desired.select(update), of: desired)
            return planner.plan
        }

        private func apply(_ plan: IPVSState, _ fixture: DaemonFixture) throws {
            let lock = "\(fixture.directory)/xtables.lock"
            try fixture.inNode { () throws(DataplaneError) in
                let problems = IPVSSysctls.apply(strictARP: false)
                #expect(problems.isEmpty, "\(problems)")
                let store = IPVSStore(
                    family: .ipv4,
                    IPVSStore.Configuration(
                        lock: XTablesLock.Configuration(path: lock, timeout: .seconds(5)),
                        excluded: [],
                        drainTimeout: .zero,
                        addressSet: NameScheme.set(.addresses, .ipv4)
                    )
                )
                let report = try store.apply(IPVSDiff(from: store.observe().state, to: plan))
                #expect(report.failures.isEmpty, "\(report.failures)")
            }
        }

        private func answer(
            _ fixture: DaemonFixture,
            _ port: Int,
            in namespace: String
        ) throws -> String {
            let lines = try fixture.agent.connect(
                to: "\(Self.address):\(port)/tcp",
                in: namespace,
                timeout: .seconds(3)
            )
            return String(lines.first?.prefix { $0 != " " } ?? "")
        }
    }
}
