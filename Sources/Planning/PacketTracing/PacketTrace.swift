package import Addressing

/// Traces a packet: one type for each proxy mode.
package protocol FlowTracer {
    /// Traces the first packet of a new connection. Never fails: what is undecidable becomes a
    /// problem of the trace.
    func trace(_ packet: TracedPacket, detail: TraceDetail) -> PacketTrace
}

/// How much of the path a trace records.
package enum TraceDetail: Sendable, Hashable {
    /// Rules that matched.
    case matches
    /// Also rules that were tested and did not match.
    case everything
}

/// How a packet ends; in the order of output.
package enum FlowVerdict: Sendable, Hashable, Comparable {
    /// It reaches this endpoint, usually as its new destination.
    case delivered(SocketAddress)
    /// It continues to its original destination.
    case untouched
    /// The sender gets an ICMP port unreachable.
    case rejected
    /// Without a reply.
    case dropped
    /// The rules are invalid there, or a limit was reached; the problems give details.
    case undecided
}

/// How a packet ends, and whether its source changed.
package struct FlowResult: Sendable, Hashable, Comparable {
    package var verdict: FlowVerdict
    /// The source was replaced by an address of this node.
    package var masqueraded: Bool

    package init(_ verdict: FlowVerdict, masqueraded: Bool = false) {
        self.verdict = verdict
        self.masqueraded = masqueraded
    }

    /// The endpoint reached; nil for any other result.
    package var endpoint: SocketAddress? {
        guard case .delivered(let endpoint) = verdict else { return nil }
        return endpoint
    }

    /// Endpoints first, by address and port.
    package static func < (left: FlowResult, right: FlowResult) -> Bool {
        left.verdict == right.verdict
            ? !left.masqueraded && right.masqueraded : left.verdict < right.verdict
    }
}

/// One result, and its share of the connections of new clients.
package struct FlowOutcome: Sendable, Hashable {
    package var result: FlowResult
    /// In 0...1; the outcomes of a trace add up to 1.
    package var probability: Double
}

/// A client keeps its endpoint (Kubernetes session affinity `ClientIP`).
package struct FlowAffinity: Sendable, Hashable {
    /// How long a client is remembered after its last new connection.
    package var timeoutSeconds: UInt32
    /// Results for returning clients, sorted.
    package var returning: [FlowResult]
}

/// One rule on the way, or its equivalent in other modes, as text.
package struct TraceStep: Sendable, Hashable, Encodable {
    /// The chain or its equivalent.
    package var chain: String
    package var chainTitle: String?
    /// Nesting below the hook, 0 for the hook itself.
    package var depth = 0
    /// 1-based position in the chain; in a built-in chain, among Fairlead's rules only.
    package var ruleIndex: Int?
    package var rule: String
    package var matched = true
    /// What happened: `goes to FAIRLEAD-X`, `DNAT to 10.0.0.1:80`.
    package var effect: String
    /// Why it matched or not, if the rule's text does not show it.
    package var reasons: [String] = []
    /// Share of the connections of new clients that take this step; nil for all that reached this
    /// hook.
    package var share: Double?
    /// Only clients that session affinity remembers take this step.
    package var returningClientsOnly = false
    /// The destinations of the packets in this step; empty for all that reached this hook.
    package var destinations: [String] = []
}

/// The steps at one hook.
package struct TraceHook: Sendable, Hashable, Encodable {
    /// `nat PREROUTING`.
    package var name: String
    package var steps: [TraceStep]
}

/// Where a packet goes and why.
package struct PacketTrace: Sendable, Hashable {
    package var packet: TracedPacket
    /// For new clients; sorted, equal results merged.
    package var outcomes: [FlowOutcome]
    package var affinity: FlowAffinity?
    /// The Service of the endpoints, if the rules name it: `default/web:http`.
    package var title: String?
    /// Why it was rejected or dropped, if the rules say.
    package var reason: String?
    /// In the kernel's order.
    package var path: [TraceHook] = []
    /// Problems that make the result unreliable.
    package var problems: [TraceProblem] = []
    /// Remarks that are not problems.
    package var notes: [String] = []
}
