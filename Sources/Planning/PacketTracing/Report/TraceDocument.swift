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

    /// The steps at one hook.
    package struct Hook: Sendable, Encodable {
        package let name: String
        package let steps: [Step]
    }

    /// One rule on the way.
    package struct Step: Sendable, Encodable {
        package let chain: String
        package let chainTitle: String?
        package let depth: Int
        package let ruleIndex: Int?
        package let rule: String
        package let matched: Bool
        package let effect: String
        package let reasons: [String]
        package let share: Double?
        package let returningClientsOnly: Bool
        package let destinations: [String]
    }

    /// A problem that makes the result unreliable.
    package struct Problem: Sendable, Encodable {
        /// One of `TraceProblem.Kind`.
        package let kind: String
        package let place: String?
        package let message: String
    }

    package let packet: Packet
    /// One of `TraceSummary.Kind`.
    package let answer: String
    package let summary: String
    package let title: String?
    package let reason: String?
    package let outcomes: [Result]
    package let affinity: Affinity?
    package let path: [Hook]
    package let problems: [Problem]
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
        path = trace.path.map { Hook(name: $0.name, steps: $0.steps.map(Step.init)) }
        problems = trace.problems.map {
            Problem(kind: $0.kind.rawValue, place: $0.place, message: $0.message)
        }
        notes = trace.notes
    }
}

extension TraceDocument.Result {
    fileprivate init(_ result: FlowResult, probability: Double?) {
        verdict =
            switch result.verdict {
            case .delivered: "delivered"
            case .untouched: "untouched"
            case .rejected: "rejected"
            case .dropped: "dropped"
            case .undecided: "undecided"
            }
        endpoint = result.endpoint?.description
        self.probability = probability
        masqueraded = result.masqueraded
    }
}

extension TraceDocument.Step {
    fileprivate init(_ step: TraceStep) {
        chain = step.chain
        chainTitle = step.chainTitle
        depth = step.depth
        ruleIndex = step.ruleIndex
        rule = step.rule
        matched = step.matched
        effect = step.effect
        reasons = step.reasons
        share = step.share
        returningClientsOnly = step.clients == .returning
        destinations = step.destinations
    }
}
