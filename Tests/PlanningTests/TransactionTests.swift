import Addressing
import DataplaneModel
import PacketTracing
import Planning
import ServiceModel
import TestSupport
import Testing

/// What becomes of packets between the transactions of a change.
@Suite("Transactions of iptables mode")
struct TransactionTests {
    private let walk = PlannerWalk(make: IPTablesPlanner.init(family:settings:))

    @Test(
        "Between two transactions a packet goes where it went, or where it will go",
        arguments: 1...2
    )
    func between(_ seed: Int) throws {
        var changes = Changes()
        var former = DesiredState(family: .ipv4, settings: PlannerWalk<IPTablesPlanner>.settings)
        walk.walk(seed: seed) { step in
            defer { former = step.desired }
            changes.check(
                step.diff,
                from: step.before,
                to: step.planner.plan,
                [former, step.desired]
            )
        }
        // Otherwise the walk says nothing.
        #expect(changes.withGains > 0)
        #expect(changes.filterLast > 0)
    }
}

/// Applies changes transaction by transaction, and sends packets in between.
private struct Changes {
    private(set) var withGains = 0
    private(set) var filterLast = 0

    mutating func check(
        _ diff: IPTablesDiff,
        from old: IPTablesState,
        to new: IPTablesState,
        _ desired: [DesiredState]
    ) {
        let transactions = diff.transactions
        if transactions.gains != nil { withGains += 1 }
        if transactions.tables.count > 1, transactions.tables.last?.table == .filter {
            filterLast += 1
        }
        var state = old
        var states: [IPTablesState] = []
        for transaction in transactions.all {
            state[transaction.table].execute(transaction)
            states.append(state)
            Self.checkChains(of: state)
        }
        let isWhole = states.isEmpty || IPTablesDiff(from: state, to: new).isEmpty
        #expect(isWhole)
        states.removeLast(states.isEmpty ? 0 : 1)
        guard !states.isEmpty else { return }
        let packets = Self.packets(desired)
        var wrong: [String] = []
        for packet in packets {
            let (before, after) = (Self.ends(of: packet, old), Self.ends(of: packet, new))
            for (place, state) in states.enumerated() {
                let ends = Self.ends(of: packet, state)
                guard let problem = Self.problem(ends, before, after) else { continue }
                let table = transactions.all[place].table
                wrong.append("\(packet): \(problem) \(ends) after \(table), \(before) to \(after)")
            }
        }
        let text = wrong.prefix(5).joined(separator: "\n")
        #expect(wrong.isEmpty, Comment(rawValue: text))
    }

    /// What is wrong with ends that are neither those before nor those after the change. What is not served before or is
    /// not served after it may be refused meanwhile.
    private static func problem(
        _ ends: Set<FlowVerdict>,
        _ before: Set<FlowVerdict>,
        _ after: Set<FlowVerdict>
    ) -> String? {
        let known = before.union(after)
        let new = ends.subtracting(known)
        if new.isEmpty { return nil }
        if new.contains(.untouched) { return "passes as it is:" }
        let refusals: Set<FlowVerdict> = [.rejected, .dropped]
        if !new.isSubset(of: refusals) { return "goes elsewhere:" }
        if known.isSubset(of: refusals) { return "is refused in another way:" }
        let isServed = [before, after].allSatisfy { ends in
            ends.allSatisfy { if case .delivered = $0 { true } else { false } }
        }
        return isServed ? "is refused:" : nil
    }

    private static func ends(of packet: TracedPacket, _ state: IPTablesState) -> Set<FlowVerdict> {
        let facts = GoldenScenario.facts
        let network = NodeNetwork(localAddresses: Set(facts.localAddresses))
        let tracer = PacketTracer(state, network: network) { rule, _ in "\(rule.target)" }
        return Set(tracer.trace(packet).outcomes.map(\.result.verdict))
    }

    /// From all sorts of clients to all that a Service has or had that changes.
    private static func packets(_ desired: [DesiredState]) -> [TracedPacket] {
        let clients = ["10.180.0.77", "192.0.2.1", "192.0.0.9", "198.51.100.9"]
            .compactMap { IPAddress($0) }
        var destinations: Set<PacketDestination> = []
        let names = Set(desired.flatMap(\.services.keys)).filter { name in
            desired.contains { $0.services[name] != desired[0].services[name] }
        }
        let changing = names.flatMap { name in desired.compactMap { $0.services[name] } }
        for port in changing.flatMap(\.ports) {
            for frontend in port.frontends {
                switch frontend.key {
                case .address(let socket, let transport):
                    destinations.insert(.port(socket, transport))
                    // A port that perhaps no Service has.
                    guard let other = PortNumber(90) else { continue }
                    destinations.insert(.port(SocketAddress(socket.address, other), transport))
                case .nodePort(let number, let transport):
                    for address in ["192.0.2.1", "127.0.0.1"].compactMap({ IPAddress($0) }) {
                        destinations.insert(.port(SocketAddress(address, number), transport))
                    }
                case .healthCheck, .remainder, .mark: break
                }
            }
        }
        return destinations.flatMap { destination in
            clients.map { TracedPacket(from: $0, via: "eth0", to: destination) }
        }
    }

    /// Every rule leads to a chain that is there.
    private static func checkChains(of state: IPTablesState) {
        for table in TableName.allCases {
            let owned = state[table]
            for rule in owned.chains.values.flatMap(\.rules) + owned.jumps.map(\.rule) {
                switch rule.target {
                case .jump(let chain), .goto(let chain):
                    #expect(owned.chains[chain] != nil, "\(table) \(chain)")
                default: break
                }
            }
        }
    }
}
