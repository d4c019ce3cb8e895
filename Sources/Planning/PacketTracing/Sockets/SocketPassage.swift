import Addressing
import DataplaneModel

/// A connection to a frontend, and what becomes of it at each endpoint of the group.
struct SocketPassage {
    static let hook = "socket connect()"

    let packet: TracedPacket
    let frontend: SocketFrontend
    let group: SocketGroup

    /// `onward` traces the packet to an endpoint through the rules of the mode.
    func trace(_ onward: (SocketAddress) -> PacketTrace) -> PacketTrace {
        var trace = PacketTrace(packet: packet, outcomes: [])
        trace.title = group.title
        var shares: [FlowResult: Double] = [:]
        var paths: [(path: [TraceHook], endpoints: [SocketAddress])] = []
        for (endpoint, slots) in group.endpoints {
            let share = Double(slots.count) / Double(group.slots.count)
            if endpoint.address == packet.source, !packet.source.isLoopback {
                shares[FlowResult(.delivered(endpoint)), default: 0] += share
                trace.add(note: Self.hairpin)
                continue
            }
            let rest = onward(endpoint)
            for outcome in rest.outcomes {
                shares[Self.result(outcome.result, at: endpoint), default: 0] +=
                    share * outcome.probability
            }
            if let place = paths.firstIndex(where: { $0.path == rest.path }) {
                paths[place].endpoints.append(endpoint)
            } else {
                paths.append((rest.path, [endpoint]))
            }
            for problem in rest.problems where !trace.problems.contains(problem) {
                trace.problems.append(problem)
            }
            for note in rest.notes { trace.add(note: note) }
            trace.reason = trace.reason ?? rest.reason
        }
        trace.outcomes = shares.map { FlowOutcome(result: $0.key, probability: $0.value) }
            .sorted { $0.result < $1.result }
        trace.affinity = group.affinityTimeoutSeconds.map {
            FlowAffinity(timeoutSeconds: $0, returning: trace.outcomes.map(\.result))
        }
        if group.choice == .hashedClient { trace.add(note: Self.hashing) }
        trace.path = [TraceHook(name: Self.hook, steps: steps)] + Self.joined(paths)
        return trace
    }

    /// What the rules leave alone has reached the endpoint.
    private static func result(_ result: FlowResult, at endpoint: SocketAddress) -> FlowResult {
        var result = result
        if result.verdict == .untouched { result.verdict = .delivered(endpoint) }
        return result
    }

    // MARK: - The path

    private var steps: [TraceStep] {
        var text = "frontend \(frontend)"
        if let seconds = group.affinityTimeoutSeconds { text += ", keeps clients for \(seconds) s" }
        let first = Self.step(text, SocketTracer.taken, [])
        return [first]
            + group.endpoints.map { endpoint, slots in
                let count = "\(slots.count) of \(group.slots.count) slots"
                var step = Self.step(
                    "endpoint \(endpoint), \(count)",
                    "the client connects to \(endpoint) instead",
                    []
                )
                step.chain = "\(frontend)"
                step.chainTitle = group.title
                step.depth = 1
                step.share = Double(slots.count) / Double(group.slots.count)
                return step
            }
    }

    static func step(_ rule: String, _ effect: String, _ reasons: [String]) -> TraceStep {
        TraceStep(chain: hook, rule: rule, effect: effect, reasons: reasons)
    }

    /// Hooks of endpoints whose packets take different ways are named after them.
    private static func joined(
        _ paths: [(path: [TraceHook], endpoints: [SocketAddress])]
    ) -> [TraceHook] {
        guard paths.count > 1 else { return paths.first?.path ?? [] }
        return paths.flatMap { path, endpoints in
            let more = endpoints.count > 1 ? " and \(endpoints.count - 1) more" : ""
            return path.map {
                TraceHook(name: "\($0.name), to \(endpoints[0])\(more)", steps: $0.steps)
            }
        }
    }

    private static let hashing =
        "one client always gets the same endpoint; the shares are those of many clients"
    private static let hairpin =
        "a pod that is sent to itself sees its own address, and no packet leaves it"
}

extension PacketTrace {
    fileprivate mutating func add(note: String) {
        if !notes.contains(note) { notes.append(note) }
    }
}
