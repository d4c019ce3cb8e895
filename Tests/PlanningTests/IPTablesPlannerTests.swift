import DataplaneModel
import Planning
import Testing

/// What holds for every plan of iptables mode, whatever Services there are.
@Suite("IPTablesPlanner")
struct IPTablesPlannerTests {
    private let walk = PlannerWalk(make: IPTablesPlanner.init(family:settings:))

    @Test("A plan depends on the Services only, not on the way to them", arguments: 1...6)
    func independence(_ seed: Int) {
        walk.checkIndependence(seed: seed) { IPTablesRenderer(family: $1).render($0) }
    }

    @Test("The operations of a step lead from the old plan to the new one", arguments: 1...4)
    func sufficiency(_ seed: Int) {
        walk.checkSufficiency(seed: seed)
    }

    @Test("The same Services again change nothing")
    func stability() {
        walk.checkStability(seed: 9)
    }

    @Test("Every jump leads to a chain of the table, and names fit the kernel", arguments: 1...4)
    func integrity(_ seed: Int) {
        walk.walk(seed: seed) { step in
            for table in TableName.allCases {
                let owned = step.planner.plan[table]
                for rule in owned.chains.values.flatMap(\.rules) + owned.jumps.map(\.rule) {
                    guard let chain = Self.chain(rule.target) else { continue }
                    #expect(owned.chains[chain] != nil, "\(table) \(chain)")
                }
                // XT_EXTENSION_MAXNAMELEN less its end: 28 characters.
                #expect(owned.chains.keys.allSatisfy { $0.text.utf8.count <= 28 })
                #expect(owned.chains.keys.allSatisfy { Ownership.fairlead.owns(chain: $0.text) })
            }
        }
    }

    private static func chain(_ target: Target) -> ChainName? {
        switch target {
        case .jump(let chain), .goto(let chain): chain
        default: nil
        }
    }

    @Test("One endpoint more is one chain changed, however many Services there are")
    func locality() {
        #expect(walk.changeInLargeCluster().diff.count == 1)
    }
}
