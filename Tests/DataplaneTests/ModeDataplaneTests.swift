import Addressing
import DataplaneModel
import Planning
import ProxyModes
import ServiceModel
import Testing

@testable import Dataplane

@Suite("Dataplane of a family")
struct ModeDataplaneTests {
    /// A sysctl in memory.
    private final class FakeLocalnet: LocalnetRouting {
        var isSet = false
        var failure: DataplaneError?
        var noteProblem: DataplaneError?
        func mustBeGuarded(isPlanned: Bool) -> Bool { isSet && (wasSetHere || doubt != nil) }
        var doubt: DataplaneError?
        private var wasSetHere = false

        func isOn() throws(DataplaneError) -> Bool { isSet }

        func enable() throws(DataplaneError) -> Bool {
            if let failure { throw failure }
            defer { isSet = true }
            if !isSet { wasSetHere = true }
            return !isSet
        }

        func restore() throws(DataplaneError) -> Bool {
            if let failure { throw failure }
            defer { wasSetHere = false }
            if wasSetHere { isSet = false }
            return wasSetHere
        }
    }

    private typealias Subject = ModeDataplane<IPTablesMode, MemoryStore>

    private func dataplane(_ localnet: FakeLocalnet? = nil) -> Subject {
        Subject(IPTablesMode.self, .ipv4, Self.settings, store, localnet: localnet)
    }

    private let store = MemoryStore()

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
        var dataplane = dataplane()
        let level = FlowUses.Sockets(bpfDirectory: "/b", ofPods: false)
        let sockets = FlowUses(cleansTable: false, sockets: level)
        _ = try dataplane.pass(update(["gone"], changed: ["gone"]), observe: true, explain: false)
        #expect(dataplane.takeFlowRequest(FlowUses(cleansTable: false)) == nil)
        _ = try dataplane.pass(update([], changed: ["gone"]), observe: false, explain: false)
        #expect(dataplane.takeFlowRequest(FlowUses(cleansTable: false)) == nil)
        let kept = Mirror(reflecting: dataplane).descendant("reconciler", "changed")
        #expect(kept as? Set<ServiceName> == [])
        // A reload plans everything anew, and then each Service that is there counts as new.
        _ = try dataplane.pass(update(["web"], changed: ["web"]), observe: false, explain: false)
        #expect(dataplane.takeFlowRequest(FlowUses(cleansTable: false)) == nil)
        dataplane.replan(Self.settings)
        _ = try dataplane.pass(update(["web"], changed: ["web"]), observe: false, explain: false)
        let request = dataplane.takeFlowRequest(sockets)
        #expect(request?.check.frontends.count == 1 && request?.uses == sockets)
        // Sockets were looked at, but not the table.
        let both = FlowUses(cleansTable: true, sockets: sockets.sockets)
        dataplane.replan(Self.settings)
        _ = try dataplane.pass(update(["web"], changed: ["web"]), observe: false, explain: false)
        #expect(dataplane.takeFlowRequest(both)?.check.frontends.count == 1)
        dataplane.replan(Self.settings)
        _ = try dataplane.pass(update(["web"], changed: ["web"]), observe: false, explain: false)
        #expect(dataplane.takeFlowRequest(sockets)?.check.frontends.isEmpty == true)
    }

    /// A Service with a node port, which answers on 127.0.0.1 too.
    private func nodePort() throws -> SnapshotUpdate {
        var update = try update(["web"], changed: ["web"])
        let name = ServiceName(namespace: "shop", name: "web")
        update.snapshot.services[name]?.kind = .nodePort
        update.snapshot.services[name]?.ports[0].nodePort = PortNumber(30080)
        return update
    }

    @Test("All flows of node ports are asked for once after the node has gained an address")
    func recheckedNodePorts() throws {
        var dataplane = dataplane()
        let uses = FlowUses(cleansTable: true)
        let port = try #require(PortNumber(30080))
        _ = try dataplane.pass(try nodePort(), observe: true, explain: false)
        let all = dataplane.takeFlowRequest(uses)?.check.nodePorts
        #expect(all?[port]?.count == 1)
        // Nothing has changed.
        #expect(dataplane.takeFlowRequest(uses)?.check.isEmpty == true)
        let (first, second) = (IPAddress(ipv4: 0xc000_0201), IPAddress(ipv4: 0xc000_0202))
        dataplane.recheckNodePorts(from: [], to: [first])
        let again = dataplane.takeFlowRequest(uses)?.check
        #expect(again?.nodePorts == all && again?.frontends.isEmpty == true)
        #expect(dataplane.takeFlowRequest(uses)?.check.isEmpty == true)
        // Where they are not accepted any more, no flow goes on; unless they are again.
        dataplane.recheckNodePorts(from: [first, second], to: [])
        dataplane.recheckNodePorts(from: [], to: [first])
        let later = dataplane.takeFlowRequest(uses)?.check
        #expect(later?.frontends == [SocketAddress(second, port): []])
        #expect(later?.nodePorts == all)
        #expect(dataplane.takeFlowRequest(uses)?.check.isEmpty == true)
    }

    @Test("route_localnet that another program switched off is drift, and is switched on again")
    func localnet() throws {
        let localnet = FakeLocalnet()
        var dataplane = dataplane(localnet)
        let first = try dataplane.pass(nodePort(), observe: false, explain: true)
        #expect(localnet.isSet)
        #expect(first.drift == 0)
        #expect(!first.operationLines.isEmpty)
        #expect(try !dataplane.hasDrifted())
        localnet.isSet = false
        #expect(try dataplane.hasDrifted())
        let second = try dataplane.pass(update(["web"], changed: []), observe: true, explain: true)
        #expect(second.drift == 1)
        #expect(second.operationLines == [] && second.apply.operations == 1)
        #expect(localnet.isSet)
        #expect(try !dataplane.hasDrifted())
        // Without a node port it goes, and that is no drift.
        let third = try dataplane.pass(update([], changed: ["web"]), observe: false, explain: false)
        #expect(third.drift == 0)
        #expect(!localnet.isSet)
        #expect(try !dataplane.hasDrifted())
    }

    private static let guardName = ChainName("FAIRLEAD-LOCALHOST")
    private var isGuarded: Bool { store.state.filter.chains[Self.guardName] != nil }

    @Test("Rules that keep neighbours out go after route_localnet, and stay if that cannot")
    func guardStays() throws {
        let localnet = FakeLocalnet()
        var dataplane = dataplane(localnet)
        _ = try dataplane.pass(nodePort(), observe: false, explain: false)
        #expect(isGuarded && localnet.isSet)
        let refusal = DataplaneError(kind: .other, operation: "write", subject: "x", errno: 30)
        localnet.failure = refusal
        let gone = try update([], changed: ["web"])
        let failed = try dataplane.pass(gone, observe: false, explain: true)
        #expect(isGuarded && localnet.isSet)
        #expect(failed.hostFailure?.error == refusal)
        #expect(failed.hostFailure?.consequence?.contains("keep neighbours out") == true)
        // Other settings do not lose them either.
        dataplane.replan(Self.settings)
        _ = try dataplane.pass(gone, observe: true, explain: false)
        #expect(isGuarded)
        localnet.failure = nil
        let done = try dataplane.pass(
            update([], changed: []),
            observe: false,
            explain: true
        )
        #expect(!localnet.isSet && !isGuarded)
        #expect(done.hostFailure == nil)
        #expect(done.operationLines.contains { $0.contains("FAIRLEAD-LOCALHOST") })
        #expect(done.drift == 0)
    }

    @Test("A setting that may be an earlier process's stays guarded, which is reported")
    func doubtful() throws {
        let localnet = FakeLocalnet()
        localnet.isSet = true
        let doubt = DataplaneError(kind: .other, operation: "read", subject: "note", errno: 2)
        localnet.doubt = doubt
        var dataplane = dataplane(localnet)
        let report = try dataplane.pass(
            update(["web"], changed: ["web"]),
            observe: true,
            explain: false
        )
        #expect(isGuarded && localnet.isSet)
        #expect(report.hostFailure?.error == doubt)
        #expect(report.hostFailure?.consequence?.contains("keep neighbours out") == true)
        (localnet.isSet, localnet.doubt) = (false, nil)
        let rest = try dataplane.pass(update(["web"], changed: []), observe: false, explain: false)
        #expect(!isGuarded && rest.hostFailure == nil)
    }

    @Test("A setting whose note cannot be written is reported, and set all the same")
    func unnoted() throws {
        let localnet = FakeLocalnet()
        localnet.noteProblem = DataplaneError(
            kind: .other,
            operation: "write",
            subject: "note",
            errno: 30
        )
        var dataplane = dataplane(localnet)
        let report = try dataplane.pass(nodePort(), observe: false, explain: false)
        #expect(localnet.isSet)
        let consequence = report.hostFailure?.consequence
        #expect(consequence?.hasPrefix("after a restart it is not known") == true)
    }

    @Test("Of a large pass a thousand operations are told")
    func manyOperations() throws {
        var dataplane = dataplane()
        let names = (0..<1000).map { "web-\($0)" }
        let report = try dataplane.pass(
            update(names, changed: names),
            observe: false,
            explain: true
        )
        #expect(report.apply.operations > 1000)
        #expect(report.operationLines.count == 1000)
    }

    @Test("A host that refuses route_localnet does not keep the rules from being written")
    func refusedLocalnet() throws {
        let localnet = FakeLocalnet()
        let refusal = DataplaneError(kind: .other, operation: "write", subject: "x", errno: 30)
        localnet.failure = refusal
        var dataplane = dataplane(localnet)
        let report = try dataplane.pass(nodePort(), observe: false, explain: false)
        #expect(report.apply.operations > 0)
        #expect(report.hostFailure?.error == refusal)
        #expect(report.hostFailure?.consequence == "node ports do not answer on 127.0.0.1")
        #expect(dataplane.stands)
        // What is not on by our doing is not looked for either.
        #expect(try !dataplane.hasDrifted())
        let gone = try dataplane.pass(update([], changed: ["web"]), observe: false, explain: false)
        #expect(gone.hostFailure?.consequence?.hasPrefix("route_localnet stays on") == true)
    }

    @Test("Numbers of rules, issues and due work come from the planner and the store")
    func numbers() throws {
        var dataplane = dataplane()
        _ = try dataplane.pass(update(["web"], changed: ["web"]), observe: false, explain: false)
        #expect(dataplane.ruleCounts[.nat] ?? 0 > 0)
        #expect(dataplane.issues.isEmpty && dataplane.failures.isEmpty)
        #expect(dataplane.tally.total.services == 1)
        #expect(!dataplane.needsObservation)
        store.state.nat.chains.removeAll()
        try dataplane.performDueWork()
        #expect(try dataplane.hasDrifted())
    }
}
