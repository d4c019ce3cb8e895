import Addressing
import DataplaneModel
import Planning
import ServiceModel
import TestSupport
import Testing

/// What holds for every plan of the socket level, whatever Services there are.
@Suite("SocketPlanner")
struct SocketPlannerTests {
    private let walk = PlannerWalk(make: SocketPlanner.init(family:settings:))

    @Test("A plan depends on the Services only, not on the way to them", arguments: 1...6)
    func independence(_ seed: Int) {
        walk.checkIndependence(seed: seed) { SocketRenderer(family: $1).render($0) }
    }

    @Test("The operations of a step lead from the old plan to the new one", arguments: 1...4)
    func sufficiency(_ seed: Int) {
        walk.checkSufficiency(seed: seed)
    }

    @Test("The plan is the same where changes are not asked for", arguments: 1...4)
    func loading(_ seed: Int) {
        walk.checkLoading(seed: seed)
    }

    @Test("The same Services again change nothing")
    func stability() {
        walk.checkStability(seed: 9)
    }

    @Test("Frontends have their groups, and groups have endpoints and an owner", arguments: 1...3)
    func integrity(_ seed: Int) {
        var frontends = 0
        walk.walk(seed: seed) { step in
            let plan = step.planner.plan
            for case .group(let number) in plan.frontends.values {
                #expect(plan.groups[number] != nil)
                frontends += 1
            }
            for (number, group) in plan.groups {
                #expect(number > 0)
                #expect(!group.slots.isEmpty && group.slots.count <= 4095)
            }
            let whole = SocketDiff(from: SocketState(), to: plan)
            for difference in step.planner.differences(in: whole)
            where !difference.name.hasPrefix("node address") {
                #expect(difference.services.count == 1, "\(difference.name)")
                #expect(difference.state == .missing, "\(difference.name)")
            }
        }
        #expect(frontends > 0)
    }

    @Test("Frontends and groups are missing, different or unexpected")
    func states() throws {
        let (_, plan, _) = walk.changeInLargeCluster()
        let planner = SocketPlanner(family: .ipv4, settings: PlannerWalk<SocketPlanner>.settings)
        let frontend = try #require(plan.frontends.keys.min())
        let group = try #require(plan.groups.keys.min())
        func states(_ old: SocketState, _ new: SocketState) -> [ObjectDifference.State] {
            planner.differences(in: SocketDiff(from: old, to: new)).map(\.state)
        }
        var other = plan
        other.frontends[frontend] = .refuse
        other.groups[group]?.slots = []
        #expect(states(other, plan) == [.different, .different])
        (other.frontends[frontend], other.groups[group]) = (nil, nil)
        #expect(states(other, plan) == [.missing, .missing])
        #expect(states(plan, other) == [.unexpected, .unexpected])
    }

    @Test("Without settings for it, a plan is empty")
    func off() {
        var settings = PlannerWalk<SocketPlanner>.settings
        settings.socketLB = nil
        var random = RandomSnapshots(seed: 3)
        var desired = DesiredState(family: .ipv4, settings: settings)
        var planner = SocketPlanner(family: .ipv4, settings: settings)
        for _ in 0..<10 {
            #expect(planner.plan(desired.select(random.next()), of: desired).isEmpty)
        }
        #expect(planner.plan == SocketState())
    }

    @Test(
        "Frontends of the protocols that are asked for are planned, and no others",
        arguments: [[TransportProtocol.tcp], [.udp], [.tcp, .udp]]
    )
    func protocols(_ wanted: [TransportProtocol]) {
        var settings = PlannerWalk<SocketPlanner>.settings
        settings.socketLB?.protocols = Set(wanted)
        var random = RandomSnapshots(seed: 3)
        var desired = DesiredState(family: .ipv4, settings: settings)
        var planner = SocketPlanner(family: .ipv4, settings: settings)
        var planned: Set<TransportProtocol> = []
        for _ in 0..<10 {
            _ = planner.plan(desired.select(random.next()), of: desired)
            planned.formUnion(planner.plan.frontends.keys.map(\.transport))
        }
        #expect(planned == Set(wanted))
    }

    @Test("A third endpoint of one of 3000 Services changes its group alone")
    func smallChange() {
        let (_, full, diff) = walk.changeInLargeCluster()
        #expect(full.groups.count >= 3000)
        #expect(diff.groups.count == 1)
        #expect(diff.count == 1)
    }
}
