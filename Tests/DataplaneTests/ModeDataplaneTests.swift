import Addressing
import DaemonConfiguration
import DataplaneModel
import LinuxKernel
import PacketTracing
import Planning
import ProxyModes
import ServiceModel
import Testing

@testable import Dataplane

@Suite("Dataplane of a family")
struct ModeDataplaneTests {
    /// Not asked for anything.
    private static func kernel() throws(DataplaneError) -> Kernel {
        try Kernel(DaemonConfiguration())
    }

    private static let settings = PlannerSettings(node: NodeIdentity(name: "node-a"))

    /// Services of these names with a UDP port each.
    private func update(_ names: [String], changed: [String]) throws -> SnapshotUpdate {
        let port = try #require(PortNumber(53))
        var snapshot = ServiceSnapshot()
        for (number, text) in names.enumerated() {
            let name = ServiceName(namespace: "shop", name: text)
            snapshot.services[name] = Service(
                name: name,
                clusterIPs: [IPAddress(ipv4: 0x0a60_0001 + UInt32(number))],
                ports: [ServicePort(transport: .udp, port: port)]
            )
            snapshot.slices[name] = [
                EndpointSlice(
                    name: text + "-1",
                    service: name,
                    family: .ipv4,
                    ports: [EndpointPort(transport: .udp, port: port)],
                    endpoints: [Endpoint(address: IPAddress(ipv4: 0x0ab4_0002 + UInt32(number)))]
                )
            ]
        }
        let names = changed.map { ServiceName(namespace: "shop", name: $0) }
        return SnapshotUpdate(snapshot: snapshot, changed: .some(Set(names)))
    }

    @Test("While UDP flows are not cleaned, Services that came and went are not kept in mind")
    func flows() throws {
        var dataplane = ModeDataplane(
            MemoryMode.self,
            .ipv4,
            Self.settings,
            try Self.kernel()
        )
        _ = try dataplane.pass(update(["gone"], changed: ["gone"]), observe: true)
        #expect(dataplane.takeFlowRequest(cleans: false) == nil)
        _ = try dataplane.pass(update([], changed: ["gone"]), observe: false)
        #expect(dataplane.takeFlowRequest(cleans: false) == nil)
        let kept = Mirror(reflecting: dataplane).descendant("reconciler", "changed")
        #expect(kept as? Set<ServiceName> == [])
        // A reload plans everything anew, and then each Service that is there counts as new.
        _ = try dataplane.pass(update(["web"], changed: ["web"]), observe: false)
        #expect(dataplane.takeFlowRequest(cleans: false) == nil)
        dataplane.replan(Self.settings)
        _ = try dataplane.pass(update(["web"], changed: ["web"]), observe: false)
        let request = dataplane.takeFlowRequest(cleans: true)
        #expect(request?.check.frontends.count == 1)
    }
}

/// iptables mode with a kernel in memory.
private enum MemoryMode: InstalledMode {
    final class Store: KernelStore {
        private var state = IPTablesState()
        func observe() throws(DataplaneError) -> IPTablesState { state }
        func apply(_ diff: IPTablesDiff) throws(DataplaneError) -> ApplyReport {
            ApplyReport(operations: diff.count)
        }
    }

    typealias Renderer = IPTablesRenderer
    static let mode = ProxyMode.iptables
    static let tables: [TableName] = []

    static func store(_ family: IPFamily, _ kernel: borrowing Kernel) -> Store { Store() }

    static func capabilities(
        _ families: [IPFamily],
        _ configuration: DaemonConfiguration
    ) -> [KernelCapabilities.Finding] { [] }

    static func tracer(
        _ state: IPTablesState,
        network: NodeNetwork,
        planner: IPTablesPlanner?
    ) -> any FlowTracer {
        IPTablesMode.tracer(state, network: network, planner: planner)
    }
}
