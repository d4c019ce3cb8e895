import Addressing

/// A trace for programs; field names are stable, absent values are omitted.
package struct TraceDocument: Sendable, Encodable {
    /// The traced packet.
    package struct Packet: Sendable, Encodable {
        package let source: String
        package let inputInterface: String?
        /// `10.96.0.10:80/tcp`.
        package let destination: String
        package let family: String
    }

    /// How a packet ends.
    package struct Result: Sendable, Encodable {
        /// `delivered`, `untouched`, `rejected`, `dropped` or `undecided`.
        package let verdict: String
        package let endpoint: String?
        /// Absent for returning clients, who have no choice.
        package let probability: Double?
        package let masqueraded: Bool
    }

    /// Session affinity.
    package struct Affinity: Sendable, Encodable {
        /// `ClientIP`.
        package let kind: String
        package let timeoutSeconds: UInt32
        package let returning: [Result]
    }

    package let packet: Packet
    /// One of `TraceSummary.Kind`.
    package let answer: String
    package let summary: String
    package let title: String?
    package let reason: String?
    package let outcomes: [Result]
    package let affinity: Affinity?
    package let path: [TraceHook]
    package let problems: [TraceProblem]
    package let notes: [String]
}

extension TraceDocument {
    package init(_ trace: PacketTrace) {
        let summary = TraceSummary(trace)
        packet = Packet(
            source: trace.packet.source.description,
            inputInterface: trace.packet.inputInterface,
            destination: trace.packet.destination.description,
            family: trace.packet.family.rawValue
        )
        answer = summary.kind.rawValue
        self.summary = summary.line
        title = trace.title
        reason = trace.reason
        outcomes = trace.outcomes.map { Result($0.result, probability: $0.probability) }
        affinity = trace.affinity.map {
            Affinity(
                kind: "ClientIP",
                timeoutSeconds: $0.timeoutSeconds,
                returning: $0.returning.map { Result($0, probability: nil) }
            )
        }
        path = trace.path
        problems = trace.problems
        notes = trace.notes
    }
}

extension TraceDocument.Result {
    fileprivate init(_ result: FlowResult, probability: Double?) {
        let isDelivered = result.endpoint != nil
        verdict = isDelivered ? "delivered" : TraceSummary.kind(of: result.verdict).rawValue
        endpoint = result.endpoint?.description
        self.probability = probability
        masqueraded = result.masqueraded
    }
}
