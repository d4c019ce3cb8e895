import Addressing
import DataplaneModel
import ServiceModel
import TestSupport
import Testing

@testable import Planning

/// What holds for every plan of ipvs mode, whatever Services there are.
@Suite("IPVSPlanner")
struct IPVSPlannerTests {
    private let walk = PlannerWalk(make: IPVSPlanner.init(family:settings:))

    @Test("A plan depends on the Services only, not on the way to them", arguments: 1...6)
    func independence(_ seed: Int) {
        walk.checkIndependence(seed: seed) { IPVSRenderer(family: $1).render($0) }
    }

    @Test("The operations of a step lead from the old plan to the new one", arguments: 1...4)
    func sufficiency(_ seed: Int) {
        walk.checkSufficiency(seed: seed)
    }

    @Test("The same Services again change nothing")
    func stability() {
        walk.checkStability(seed: 9)
    }

    @Test("Rules are the same however many Services there are, and ask sets that are there")
    func constantRules() {
        let empty = IPVSPlanner(family: .ipv4, settings: PlannerWalk<IPVSPlanner>.settings).plan
        walk.walk(seed: 3) { step in
            #expect(step.planner.plan.iptables == empty.iptables)
        }
        for table in TableName.allCases {
            for rule in empty.iptables[table].chains.values.flatMap(\.rules) {
                for case .set(let name, _, _) in rule.matches {
                    #expect(empty.sets[name] != nil, "\(name)")
                }
                if case .markFromSet(let name, _) = rule.target {
                    #expect(empty.sets[name]?.carriesMarks == true)
                }
            }
        }
    }

    @Test("The guard of 127.0.0.0/8 comes and goes, and nothing else with it")
    func localhostGuard() {
        let settings = PlannerSettings(node: NodeIdentity(name: "node-a"))
        let desired = DesiredState(family: .ipv4, settings: settings)
        let without = IPVSPlanner(family: .ipv4, settings: settings)
        var planner = without
        planner.keepsLocalhostGuard = true
        let coming = planner.plan([], of: desired)
        let chains = planner.plan.iptables.filter.chains
        #expect(Set(chains.keys).subtracting(without.plan.iptables.filter.chains.keys).count == 1)
        #expect(chains[StaticChains.localhostGuard]?.rules.map(\.target) == [.drop])
        let jumps = planner.plan.iptables.filter.jumps.filter {
            $0.rule.target == .jump(StaticChains.localhostGuard)
        }
        #expect(Set(jumps.map(\.from)) == [.input, .output])
        #expect(coming == IPVSDiff(from: without.plan, to: planner.plan))
        #expect(planner.plan([], of: desired).isEmpty)
        planner.keepsLocalhostGuard = false
        let going = planner.plan([], of: desired)
        #expect(planner.plan == without.plan)
        #expect(going.count == coming.count)
    }

    @Test("What other nodes have is served and not bound, and that is reported once a Service")
    func otherNodes() throws {
        let addresses = try ["203.0.113.8", "203.0.113.9"].map { try #require(IPAddress($0)) }
        var settings = PlannerSettings(node: NodeIdentity(name: "node-a"))
        settings.otherNodes = [addresses[1]: "node-b"]
        let name = ServiceName(namespace: "shop", name: "web")
        var snapshot = ServiceSnapshot()
        snapshot.services[name] = Service(
            name: name,
            clusterIPs: [try #require(IPAddress("10.96.0.10"))],
            ports: [80, 443].compactMap { PortNumber($0) }
                .map { ServicePort(name: "p\($0)", port: $0) },
            externalIPs: addresses
        )
        var desired = DesiredState(family: .ipv4, settings: settings)
        var planner = IPVSPlanner(family: .ipv4, settings: settings)
        let names = desired.select(SnapshotUpdate(snapshot: snapshot, changed: .all))
        planner.load(names, of: desired)
        let plan = planner.plan
        #expect(plan.binding.addresses.contains(addresses[0]))
        #expect(!plan.binding.addresses.contains(addresses[1]))
        #expect(
            plan.sets[NameScheme.set(.addresses, .ipv4)]?.entries[.address(addresses[1])] == nil
        )
        for address in addresses {
            let socket = SocketAddress(address, try #require(PortNumber(443)))
            #expect(plan.servers[.frontend(socket, .tcp)] != nil, "\(address)")
        }
        #expect(planner.issues.count == 1)
        let issue = try #require(planner.issues.first)
        #expect(issue.description.contains("as other nodes have them: 203.0.113.9 of node-b;"))
    }

    @Test("Every frontend has a server, an entry and, unless it is a node port, its address")
    func integrity() {
        walk.walk(seed: 5) { step in
            let plan = step.planner.plan
            let services = plan.sets[NameScheme.set(.services, .ipv4)]?.entries ?? [:]
            var frontends = 0
            for key in plan.servers.keys {
                guard case .frontend(let socket, let transport) = key else { continue }
                frontends += 1
                #expect(services[.frontend(socket, transport)] != nil)
                let isOwn = GoldenScenario.facts.localAddresses.contains(socket.address)
                #expect(isOwn || plan.binding.addresses.contains(socket.address), "\(key)")
            }
            #expect(services.count == frontends)
            let bound = plan.sets[NameScheme.set(.addresses, .ipv4)]?.entries.keys.count
            #expect(bound == plan.binding.addresses.count)
        }
    }

    @Test("One endpoint more is one real server more, however many Services there are")
    func locality() {
        let diff = walk.changeInLargeCluster().diff
        #expect(diff.count == 1)
        #expect(diff.servers.count == 1)
    }

    @Test("Marks for clients inside differ, stay in their half and do not depend on history")
    func marks() {
        func names(_ range: Range<Int>) -> Set<ServicePortName> {
            Set(
                range.map {
                    ServicePortName(
                        service: ServiceName(namespace: "shop", name: "s\($0)"),
                        port: "",
                        transport: .tcp
                    )
                }
            )
        }
        // So many that some want the same number.
        var grown = InternalMarks(masqueradeBit: 1 << 14)
        _ = grown.update(removing: [], adding: names(0..<1500))
        let moved = grown.update(removing: names(500..<1500), adding: names(1500..<2000))
        #expect(moved.isSuperset(of: names(500..<2000)))
        var fresh = InternalMarks(masqueradeBit: 1 << 14)
        _ = fresh.update(removing: [], adding: names(0..<500).union(names(1500..<2000)))
        #expect(grown.marks == fresh.marks)
        #expect(Set(fresh.marks.values).count == 1000)
        #expect(fresh.marks.values.allSatisfy { $0 & 0x8000_ffff == 0 && $0 != 0 })
        // With the masquerade bit in the upper half the marks are in the lower one.
        var low = InternalMarks(masqueradeBit: 1 << 20)
        _ = low.update(removing: [], adding: names(0..<10))
        #expect(low.marks.values.allSatisfy { $0 >> 16 == 0 && $0 != 0 })
    }
}
