import Addressing
import DataplaneModel
import Planning
import ProxyModes
import ServiceModel
import TestSupport
import Testing

/// Whose a difference between kernel and plan is.
@Suite("Ownership")
struct OwnershipTests {
    // MARK: - Every change has an owner

    @Test(
        "From an empty kernel nothing is left over, and each Service port owns something",
        arguments: GoldenTests.scenarios
    )
    func scenarios(_ scenario: GoldenScenario) throws {
        try check(IPTablesMode.self, from: IPTablesState(), scenario)
        try check(IPVSMode.self, from: IPVSState(), scenario)
        try check(NFTablesMode.self, from: NFTablesState(), scenario)
    }

    private func check<Mode: PlannedMode>(
        _ mode: Mode.Type,
        from nothing: Mode.ModePlanner.State,
        _ scenario: GoldenScenario
    ) throws {
        var plans = GoldenPlans(mode, settings: try scenario.settings())
        _ = plans.take(scenario.text("input.yaml") ?? "")
        for family in plans.families {
            let planner = family.planner
            let missing = planner.differences(
                in: Mode.ModePlanner.Diff(from: nothing, to: planner.plan)
            )
            #expect(missing.allSatisfy { $0.state == .missing && $0.owner != .noService })
            let owners = Set(missing.flatMap(\.services))
            let issues = Set(planner.issues.map(\.servicePort.service))
            let wanted = Set(family.desired.services.filter { $0.value.hasFrontend }.keys)
            #expect(
                wanted.subtracting(owners).isSubset(of: issues),
                "\(mode.mode.rawValue) \(family.family.rawValue)"
            )
            #expect(owners.isSubset(of: Set(family.desired.services.keys)))
            let gone = mode.planner(family.family, family.desired.settings)
            let unexpected = gone.differences(
                in: Mode.ModePlanner.Diff(from: planner.plan, to: gone.plan)
            )
            #expect(unexpected.allSatisfy { $0.services.isEmpty })
        }
    }

    // MARK: - Damage

    private static let web = ServiceName(namespace: "shop", name: "web")
    private static let manifest = """
        services:
          - name: shop/api
            address: 10.96.0.11
            ports: [{port: 80}]
            endpoints: [{address: 10.180.0.12}]
          - name: shop/web
            address: 10.96.0.10
            ports: [{port: 80, nodePort: 30080}]
            sessionAffinity: {clientIP: {timeoutSeconds: 60}}
            endpoints: [{address: 10.180.0.11}, {address: 10.180.0.21}]
        """

    private func planner<Mode: PlannedMode>(_ mode: Mode.Type) throws -> Mode.ModePlanner {
        var plans = GoldenPlans(mode, settings: try GoldenScenario(directory: "").settings())
        _ = plans.take(Self.manifest)
        return try #require(plans.planner(.ipv4))
    }

    private func differences<P: Planner>(_ planner: P, _ damaged: P.State) -> [ObjectDifference] {
        let diff = P.Diff(from: damaged, to: planner.plan)
        let found = planner.differences(in: diff).sorted()
        #expect(planner.services(in: diff) == Set(found.flatMap(\.services)))
        return found
    }

    @Test("Where nothing of the plan is left, every Service owns something of what is missing")
    func nothingLeft() throws {
        func services<P: Planner>(_ planner: P, _ nothing: P.State) -> Set<ServiceName> {
            Set(differences(planner, nothing).flatMap(\.services))
        }
        let nftables = services(try planner(NFTablesMode.self), NFTablesState())
        #expect(nftables.count > 1)
        #expect(services(try planner(IPTablesMode.self), IPTablesState()) == nftables)
        #expect(services(try planner(IPVSMode.self), IPVSState()) == nftables)
    }

    @Test(
        "iptables: damage to a Service's chains and to its rules in shared ones is that Service's"
    )
    func iptables() throws {
        let planner = try planner(IPTablesMode.self)
        var damaged = planner.plan
        let own = try #require(
            damaged.nat.chains.values.first { $0.title?.hasPrefix("shop/web: 2") == true }
        )
        damaged.nat.chains[own.name]?.rules.removeLast()
        for name in damaged.nat.chains.keys {
            damaged.nat.chains[name]?.rules.removeAll { rule in
                rule.destination?.prefix.address == IPAddress("10.96.0.10")
            }
        }
        let found = differences(planner, damaged)
        #expect(Set(found.flatMap(\.services)) == [Self.web])
        #expect(Set(found.map(\.kind)) == [.chain, .rule])
        #expect(found.allSatisfy { $0.owner == .services([Self.web], port: Self.webPort) })
        damaged = planner.plan
        damaged.nat.chains[ChainName("FAIRLEAD-Xold")] = Chain(
            ChainName("FAIRLEAD-Xold"),
            rules: []
        )
        #expect(differences(planner, damaged).map(\.owner) == [.noService])
        damaged = planner.plan
        damaged.nat.jumps.removeFirst()
        #expect(differences(planner, damaged).map(\.owner) == [.allServices])
    }

    private static let webPort = ServicePortName(service: web, port: "", transport: .tcp)

    @Test("nftables: so are elements, slots that a list has no more, and chains for affinity")
    func nftables() throws {
        let planner = try planner(NFTablesMode.self)
        var damaged = planner.plan
        for (name, set) in planner.plan.sets
        where ["affinity", "choices", "numbers"].contains(name.text) {
            damaged.sets[name]?.elements[try #require(set.elements.keys.min())] = nil
        }
        let chain = try #require(damaged.chains.keys.first { $0.text.hasPrefix("known-") })
        damaged.chains[chain]?.rules = []
        var found = differences(planner, damaged)
        #expect(Set(found.map(\.kind)) == [.chain, .element])
        #expect(found.count == 4)
        #expect(found.allSatisfy { $0.owner == .services([Self.web], port: Self.webPort) })
        damaged = planner.plan
        let choices = NFTSetName("choices")
        let first = try #require(damaged.sets[choices]?.elements.min { $0.key < $1.key })
        let list = UInt32(truncatingIfNeeded: first.key.bits(at: 32, width: 32))
        damaged.sets[choices]?.elements[NFTValue(list, 7)] = first.value
        found = differences(planner, damaged)
        #expect(found.map(\.state) == [.unexpected])
        #expect(found.map(\.services) == [[Self.web]])
        damaged = planner.plan
        let stranger = NFTValue(try #require(IPAddress("10.96.0.99")))
        damaged.sets[NFTSetName("cluster-addresses")]?.elements[stranger] = NFTData.none
        #expect(differences(planner, damaged).map(\.owner) == [.noService])
        damaged.sets[NFTSetName("cluster-addresses")]?.elements[stranger] = nil
        damaged.sets[NFTSetName("cluster-addresses")]?.elements[
            NFTValue(try #require(IPAddress("10.96.0.10")))
        ] = nil
        #expect(differences(planner, damaged).map(\.services) == [[Self.web]])
    }

    @Test("ipvs: so are virtual and real servers, entries of sets and addresses")
    func ipvs() throws {
        let planner = try planner(IPVSMode.self)
        var damaged = planner.plan
        let address = try #require(IPAddress("10.96.0.10"))
        let port = try #require(PortNumber(80))
        let key = VirtualServer.Key.frontend(SocketAddress(address, port), .tcp)
        damaged.servers[key]?.realServers.removeAll()
        damaged.binding.addresses.remove(address)
        damaged.sets[NameScheme.set(.clusterIPs, .ipv4)]?.entries[
            .frontend(SocketAddress(address, port), .tcp)
        ] = nil
        damaged.sets[NameScheme.set(.addresses, .ipv4)]?.entries[.address(address)] = nil
        let found = differences(planner, damaged)
        #expect(found.map(\.kind) == [.element, .element, .realServer, .realServer, .address])
        #expect(found.allSatisfy { $0.owner == .services([Self.web], port: Self.webPort) })
        damaged = planner.plan
        let stranger = VirtualServer.Key.frontend(
            SocketAddress(try #require(IPAddress("10.96.0.99")), port),
            .tcp
        )
        damaged.servers[stranger] = VirtualServer(stranger, scheduler: SchedulerName("rr"))
        #expect(differences(planner, damaged).map(\.owner) == [.noService])
    }
}

extension ServiceState {
    fileprivate var hasFrontend: Bool {
        ports.contains { $0.clusterIP != nil || $0.isExternallyAccessible }
    }
}
