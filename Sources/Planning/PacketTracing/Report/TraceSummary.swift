import Addressing

/// The result of a trace in one word and one line.
package struct TraceSummary: Sendable {
    /// Stable names for programs.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Every connection reaches an endpoint.
        case endpoints
        case untouched
        case rejected
        case dropped
        /// Connections have different results.
        case mixed
        case undecided
    }

    package let kind: Kind
    /// `10.244.1.7 → 10.96.0.10:80/tcp reaches 3 endpoints of default/web:http, source kept`.
    package let line: String

    package init(_ trace: PacketTrace) {
        let results = trace.outcomes.map(\.result)
        let kinds = Set(results.map { Self.kind(of: $0.verdict) })
        let kind =
            kinds.count == 1 ? kinds.first ?? .undecided : kinds.isEmpty ? .undecided : .mixed
        self.kind = kind
        let answer =
            switch kind {
            case .endpoints: Self.endpoints(trace) + ", " + Self.source(results)
            case .untouched:
                "is NOT TRANSLATED: it goes on to \(trace.packet.destination), "
                    + Self.source(results)
            case .rejected: "is REJECTED" + Self.reason(trace)
            case .dropped: "is DROPPED" + Self.reason(trace)
            case .mixed: "ends in different ways"
            case .undecided: "is UNDECIDED" + (trace.problems.first.map { ": \($0)" } ?? "")
            }
        let doubt = trace.problems.isEmpty || kind == .undecided ? "" : " (but see the problems)"
        line = "\(trace.packet) \(answer)\(doubt)"
    }

    static func kind(of verdict: FlowVerdict) -> Kind {
        switch verdict {
        case .delivered: .endpoints
        case .untouched: .untouched
        case .rejected: .rejected
        case .dropped: .dropped
        case .undecided: .undecided
        }
    }

    private static func endpoints(_ trace: PacketTrace) -> String {
        let owner = trace.title.map { " of \($0)" } ?? ""
        let count = Set(trace.outcomes.map(\.result.verdict)).count
        return "reaches \(count) \(count == 1 ? "endpoint" : "endpoints")\(owner)"
    }

    private static func source(_ results: [FlowResult]) -> String {
        let masqueraded = results.count { $0.masqueraded }
        if masqueraded == 0 { return "source kept" }
        return masqueraded == results.count
            ? "source masqueraded" : "source masqueraded for \(masqueraded) of them"
    }

    private static func reason(_ trace: PacketTrace) -> String {
        let words = [trace.title, trace.reason].compactMap { $0 }
        guard let last = words.last else { return "" }
        // A comment often begins with the Service that is also in the title.
        return ": "
            + (words.count == 2 && last.contains(words[0]) ? last : words.joined(separator: ", "))
    }
}
