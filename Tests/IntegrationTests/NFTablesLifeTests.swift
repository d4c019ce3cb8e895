import Addressing
import DataplaneModel
import HostFacts
import NFTables
import NamespaceLab
import Planning
import ServiceModel
import Testing

extension KernelSuites {
    /// What happens over time in nftables mode: changes, damage, load, other modes.
    @Suite("Life of nftables mode")
    struct NFTablesLifeTests {
        /// The node's table as nft prints it.
        private func table(_ fixture: DaemonFixture) throws -> String {
            try LabCommand.run(["nft", "list", "table", "ip", "fairlead"], in: fixture.lab.node)
        }

        @Test("Endpoints and Services come and go, and leave nothing behind")
        func liveChanges() throws {
            let fixture = try DaemonFixture(mode: "nftables")
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            #expect(try LifeScript.answers(fixture) == ["pod1"])
            try fixture.write(LifeScript.web(1, 2))
            try fixture.waitUntilApplied()
            #expect(try LifeScript.answers(fixture) == ["pod1", "pod2"])
            let connection = try fixture.agent.hold(
                "\(LifeScript.vip):80/tcp",
                in: fixture.lab.client
            )
            try fixture.write(LifeScript.web())
            try fixture.waitUntilApplied()
            #expect(try LifeScript.answers(fixture, count: 1) == ["refused"])
            #expect(connection.isAlive())
            try fixture.remove("services.yaml")
            try fixture.waitUntilApplied()
            #expect(try !table(fixture).contains(LifeScript.vip))
            try fixture.stop()
            #expect(connection.isAlive())
            #expect(try fixture.fairlead("cleanup").status == 0)
            let tables = try LabCommand.run(["nft", "list", "tables"], in: fixture.lab.node)
            #expect(!tables.contains("fairlead"))
        }

        @Test("What other programs flush or delete is put back")
        func repair() throws {
            let fixture = try DaemonFixture(mode: "nftables")
            try fixture.write(LifeScript.web(1, 2))
            try fixture.start()
            try fixture.waitUntilApplied()
            let before = try table(fixture)
            let damages = [
                "flush ruleset", "flush chain ip fairlead services",
                "delete element ip fairlead cluster-ips { 10.96.0.10 . tcp . 80 }",
                "add rule ip fairlead services drop",
            ]
            for damage in damages {
                try LabCommand.run(
                    ["nft"] + damage.split(separator: " ").map(String.init),
                    in: fixture.lab.node
                )
                // A table that is gone cannot be listed.
                let isRepaired = try eventually {
                    (try? table(fixture)) == before
                }
                #expect(isRepaired, "after \(damage)")
                #expect(try LifeScript.answers(fixture) == ["pod1", "pod2"], "after \(damage)")
            }
            // A table of another program is not repaired; damage after it is, in order.
            try LabCommand.run(["nft", "add", "table", "ip", "other"], in: fixture.lab.node)
            try LabCommand.run(
                ["nft", "flush", "chain", "ip", "fairlead", "services"],
                in: fixture.lab.node
            )
            try fixture.wait(for: "repair of the chain") { try table(fixture) == before }
            try fixture.wait(for: "report of the repair") { repairs(fixture) > damages.count }
            #expect(repairs(fixture) == damages.count + 1)
            let tables = try LabCommand.run(["nft", "list", "tables"], in: fixture.lab.node)
            #expect(tables.contains("table ip other\n"))
            try fixture.stop()
        }

        private func repairs(_ fixture: DaemonFixture) -> Int {
            fixture.log.split(separator: "\n")
                .count { $0.contains("Repaired objects changed by another program") }
        }

        @Test("No connection fails while the Service's endpoints change a thousand times")
        func load() throws {
            let fixture = try DaemonFixture(mode: "nftables")
            let node = LoadedNode()
            try fixture.inNode { () throws(DataplaneError) in try node.setEndpoints([1]) }
            let client = try LabProcess(
                [
                    BuiltProgram.lab, "agent", "connect", "--count", "6000", "--timeout", "1500",
                    "\(LifeScript.vip):80/tcp",
                ],
                in: fixture.lab.pod(3)
            )
            try fixture.inNode { () throws(DataplaneError) in
                for _ in 0..<250 {
                    for pods in [[1, 2], [2], [1, 2], [1]] { try node.setEndpoints(pods) }
                }
            }
            let (output, status) = try client.finish(Deadline(in: .seconds(60)))
            #expect(status == 0)
            let answers = output.split(separator: "\n").map { String($0.prefix { $0 != " " }) }
            #expect(answers.count == 6000)
            #expect(Set(answers) == ["pod1", "pod2"])
        }

        @Test("A change of mode leaves no gap, and nothing of the other mode")
        func modes() throws {
            let fixture = try DaemonFixture(mode: "iptables")
            try fixture.write(LifeScript.web(1, 2))
            try fixture.start()
            try fixture.waitUntilApplied()
            let connection = try fixture.agent.hold(
                "\(LifeScript.vip):80/tcp",
                in: fixture.lab.client
            )
            let client = try LabProcess(
                [
                    "sh", "-c",
                    "for i in $(seq 300); do \"$0\" agent connect --count 10 --timeout 1500 \"$1\" || exit 1; sleep 0.01; done",
                    BuiltProgram.lab, "\(LifeScript.vip):80/tcp",
                ],
                in: fixture.lab.pod(3)
            )
            for mode in ["nftables", "iptables", "auto"] {
                try fixture.stop()
                try fixture.changeMode(mode)
                try fixture.start()
                try fixture.waitUntilApplied()
                try waitUntilAlone(fixture, hasTable: mode != "iptables")
                #expect(connection.isAlive())
            }
            #expect(fixture.log.contains("Mode chosen"))
            let (output, status) = try client.finish(Deadline(in: .seconds(60)))
            #expect(status == 0)
            let answers = Set(output.split(separator: "\n").map { String($0.prefix { $0 != " " }) })
            #expect(answers == ["pod1", "pod2"])
            try fixture.stop()
        }

        private func waitUntilAlone(_ fixture: DaemonFixture, hasTable: Bool) throws {
            try fixture.wait(for: "removal of the other mode's objects") {
                let tables = try LabCommand.run(["nft", "list", "tables"], in: fixture.lab.node)
                let rules = try fixture.rules(.ipv4)
                return tables.contains("fairlead") == hasTable
                    && rules.contains { $0.contains("FAIRLEAD") } == !hasTable
            }
        }
    }
}

extension DaemonFixture {
    /// Runs `body` in the node's namespace, on this thread.
    func inNode(_ body: () throws(DataplaneError) -> Void) throws {
        try NetworkNamespace.withNamespace(lab.node, body)
    }
}

/// The node's dataplane without a daemon, for changes as fast as the kernel applies them.
private final class LoadedNode {
    private let store = NFTablesStore(family: .ipv4)
    private var desired: DesiredState
    private var planner: NFTablesPlanner
    private var snapshot = ServiceSnapshot()
    private let name = ServiceName(namespace: "shop", name: "web")

    init() {
        let settings = PlannerSettings(node: NodeIdentity(name: "node-a"))
        desired = DesiredState(family: .ipv4, settings: settings)
        planner = NFTablesPlanner(family: .ipv4, settings: settings)
        guard let address = IPAddress(LifeScript.vip), let port = PortNumber(80) else { return }
        snapshot.services[name] = Service(
            name: name,
            clusterIPs: [address],
            ports: [ServicePort(port: port)]
        )
    }

    /// Selects, plans and applies; the first time all of the table.
    func setEndpoints(_ pods: [Int]) throws(DataplaneError) {
        let isFirst = snapshot.slices.isEmpty
        let port = PortNumber(8080).map { [EndpointPort(port: $0)] } ?? []
        snapshot.slices[name] = [
            EndpointSlice(
                name: "web",
                service: name,
                family: .ipv4,
                ports: port,
                endpoints: pods.compactMap { IPAddress(LabAddresses.pod($0, .ipv4)) }
                    .map { Endpoint(address: $0) }
            )
        ]
        let update = SnapshotUpdate(snapshot: snapshot, changed: .some([name]))
        let change = planner.plan(desired.select(update), of: desired)
        let diff = isFirst ? NFTablesDiff(from: NFTablesState(), to: planner.plan) : change
        _ = try store.apply(diff)
    }
}
