import Addressing
package import DataplaneModel
package import PacketTracing

/// A share of the connections, and how exactly it was written down.
package struct ExpectedShare: Sendable, Hashable, CustomStringConvertible {
    /// As in the file: `1/3`, `33.3%`; `equal` when nothing was written.
    package let text: String
    package let value: Double
    package let tolerance: Double

    /// One of `count` equal shares.
    package init(equalAmong count: Int) {
        text = "equal"
        value = 1 / Double(count)
        // The kernel counts in 2^-31, and every rule of a long chain adds its rounding.
        tolerance = 1e-6
    }

    /// Parses `1/3` or `33.3%`; a percentage is exact to half of its last digit.
    package init?(_ text: String) {
        if text.hasSuffix("%") {
            let number = text.dropLast()
            guard number.allSatisfy({ ("0"..."9").contains($0) || $0 == "." }),
                let percent = Double(number), percent > 0, percent <= 100
            else { return nil }
            let decimals = number.split(separator: ".", maxSplits: 1).dropFirst().first?.count ?? 0
            value = percent / 100
            tolerance = (0..<decimals).reduce(0.005) { tolerance, _ in tolerance / 10 } + 1e-6
        } else {
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2, let numerator = Int(parts[0]), let denominator = Int(parts[1]),
                numerator > 0, numerator <= denominator
            else { return nil }
            value = Double(numerator) / Double(denominator)
            tolerance = 1e-6
        }
        self.text = text
    }

    package var description: String { text }

    package func matches(_ probability: Double) -> Bool {
        abs(probability - value) <= tolerance
    }
}

/// Where a flow has to end.
package enum ExpectedOutcome: Sendable, Hashable {
    case rejected
    case dropped
    case untouched(masqueraded: Bool)
    /// Endpoints, with or without a rewritten source, and their shares; all of them and no others.
    case endpoints([FlowResult: ExpectedShare], sticky: Bool)
}

/// One line of a flow file.
package struct FlowExpectation: Sendable, Hashable {
    /// 1-based.
    package var line: Int
    /// The line without its comment.
    package var text: String
    package var packet: TracedPacket
    package var outcome: ExpectedOutcome
    /// The modes it holds for.
    package var modes: Set<ProxyMode>
    /// Modes that cannot do it, and why.
    package var exceptions: [ProxyMode: String]
    /// It holds for clients whom the socket level serves, above those modes, and for no others.
    package var isForSockets: Bool
    /// Why it does not hold for such clients; nil if it does.
    package var socketException: String?

    package init(
        line: Int,
        text: String,
        packet: TracedPacket,
        outcome: ExpectedOutcome,
        modes: Set<ProxyMode> = Set(ProxyMode.allCases),
        exceptions: [ProxyMode: String] = [:],
        isForSockets: Bool = false,
        socketException: String? = nil
    ) {
        self.line = line
        self.text = text
        self.packet = packet
        self.outcome = outcome
        self.modes = modes
        self.exceptions = exceptions
        self.isForSockets = isForSockets
        self.socketException = socketException
    }

    /// Without a socket level.
    package func applies(to mode: ProxyMode) -> Bool {
        modes.contains(mode) && exceptions[mode] == nil && !isForSockets
    }

    /// With the socket level above the mode.
    package func appliesToSockets(above mode: ProxyMode) -> Bool {
        modes.contains(mode) && exceptions[mode] == nil && socketException == nil
    }
}
