package import Addressing
package import DataplaneModel
package import PacketTracing

/// A flow that does not end where the file says.
package struct FlowMismatch: Sendable, Hashable, CustomStringConvertible {
    package var line: Int
    package var expected: String
    /// What differs, one thing a line.
    package var differences: [String]
    /// The whole trace, for reading.
    package var report: String

    package init(line: Int, expected: String, differences: [String], report: String) {
        self.line = line
        self.expected = expected
        self.differences = differences
        self.report = report
    }

    package var description: String {
        let differences = differences.map { "  \($0)" }.joined(separator: "\n")
        return "line \(line): \(expected)\n\(differences)\n\(report)"
    }
}

extension FlowFile {
    /// The flows of `mode` that end elsewhere; empty is good.
    ///
    /// `tracer` is asked once for each family that occurs; nil means that the family is not
    /// planned, and leaves its flows as mismatches.
    package func mismatches(
        in mode: ProxyMode,
        tracer: (IPFamily, NodeNetwork) -> (any FlowTracer)?
    ) -> [FlowMismatch] {
        var tracers: [IPFamily: any FlowTracer] = [:]
        for family in Set(flows.map(\.packet.family)) {
            tracers[family] = tracer(family, network)
        }
        return flows.filter { $0.applies(to: mode) }.compactMap { flow in
            guard let tracer = tracers[flow.packet.family] else {
                return FlowMismatch(
                    line: flow.line,
                    expected: flow.text,
                    differences: ["nothing traces \(flow.packet.family.rawValue)"],
                    report: ""
                )
            }
            return flow.mismatch(with: tracer.trace(flow.packet, detail: .matches))
        }
    }
}

extension FlowFile {
    /// The same with the socket level above `mode`; `tracer` knows it.
    package func socketMismatches(
        in mode: ProxyMode,
        tracer: (IPFamily, NodeNetwork) -> (any FlowTracer)?
    ) -> [FlowMismatch] {
        var tracers: [IPFamily: any FlowTracer] = [:]
        for family in Set(flows.map(\.packet.family)) {
            tracers[family] = tracer(family, network)
        }
        return flows.filter { $0.appliesToSockets(above: mode) }.compactMap { flow in
            guard let trace = tracers[flow.packet.family]?.trace(flow.packet, detail: .matches)
            else { return nil }
            // The client itself connects to the endpoint, so there is nothing to rewrite.
            let isTaken = trace.path.first?.steps.first?.effect == SocketTracer.taken
            return (isTaken ? flow.keepingSource : flow).mismatch(with: trace)
        }
    }
}

extension FlowExpectation {
    /// The same with the client's source.
    fileprivate var keepingSource: FlowExpectation {
        guard case .endpoints(let shares, let sticky) = outcome else { return self }
        var expected: [FlowResult: ExpectedShare] = [:]
        for (result, share) in shares { expected[FlowResult(result.verdict)] = share }
        var copy = self
        copy.outcome = .endpoints(expected, sticky: sticky)
        return copy
    }

    /// How a trace differs from what is expected; nil when it does not.
    package func mismatch(with trace: PacketTrace) -> FlowMismatch? {
        var differences = trace.problems.map { "problem: \($0)" }
        switch outcome {
        case .rejected: differences += compare([FlowResult(.rejected)], with: trace)
        case .dropped: differences += compare([FlowResult(.dropped)], with: trace)
        case .untouched(let masqueraded):
            differences += compare([FlowResult(.untouched, masqueraded: masqueraded)], with: trace)
        case .endpoints(let shares, let sticky):
            differences += compare(Set(shares.keys), with: trace)
            differences += compare(shares, with: trace)
            differences += compareAffinity(shares, sticky: sticky, with: trace)
        }
        if differences.isEmpty { return nil }
        return FlowMismatch(
            line: line,
            expected: text,
            differences: differences,
            report: TraceReport(trace).description
        )
    }

    private func compare(_ expected: Set<FlowResult>, with trace: PacketTrace) -> [String] {
        let got = Set(trace.outcomes.map(\.result))
        let missing = expected.subtracting(got).sorted()
        let surplus = got.subtracting(expected).sorted()
        return missing.map { "expected, not found: \(text(of: $0))" }
            + surplus.map { "found, not expected: \(text(of: $0))" }
    }

    private func compare(
        _ shares: [FlowResult: ExpectedShare],
        with trace: PacketTrace
    ) -> [String] {
        trace.outcomes.compactMap { outcome in
            guard let share = shares[outcome.result], !share.matches(outcome.probability) else {
                return nil
            }
            return "\(text(of: outcome.result)): expected \(ShareText(share.value)),"
                + " got \(ShareText(outcome.probability))"
        }
    }

    /// Returning clients go where new ones go, and no endpoint is left out.
    private func compareAffinity(
        _ shares: [FlowResult: ExpectedShare],
        sticky: Bool,
        with trace: PacketTrace
    ) -> [String] {
        guard let affinity = trace.affinity else {
            return sticky ? ["expected sticky, got no affinity"] : []
        }
        guard sticky else { return ["expected no affinity, got sticky"] }
        let returning = Set(affinity.returning)
        let expected = Set(shares.keys)
        return expected.subtracting(returning).sorted().map { "not sticky: \(text(of: $0))" }
            + returning.subtracting(expected).sorted()
            .map { "returning clients go to \(text(of: $0))" }
    }

    private func text(of result: FlowResult) -> String {
        let name =
            switch result.verdict {
            case .delivered(let endpoint): endpoint.description
            case .untouched: "UNTOUCHED"
            case .rejected: "REJECT"
            case .dropped: "DROP"
            case .undecided: "undecided"
            }
        return name + (result.masqueraded ? " masq" : "")
    }
}
