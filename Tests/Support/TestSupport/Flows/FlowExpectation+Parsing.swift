import Addressing
import DataplaneModel
import PacketTracing

extension FlowExpectation {
    init(parsing content: Substring, line: Int) throws(FlowSyntaxError) {
        guard let arrow = content.firstRange(of: "->"),
            let equals = content[arrow.upperBound...].firstIndex(of: "=")
        else { throw FlowSyntaxError("write: FROM [via INTERFACE] -> TO = OUTCOME") }
        let from = content[..<arrow.lowerBound].words
        let to = content[arrow.upperBound..<equals].trimmingBlanks()
        let rest = content[content.index(after: equals)...]
        let split = rest.firstIndex { $0 == "@" || $0 == "!" } ?? rest.endIndex
        let scope = try Scope(parsing: rest[split...])
        self.init(
            line: line,
            text: String(content),
            packet: try Self.packet(from: from, to: to),
            outcome: try ExpectedOutcome(parsing: rest[..<split].trimmingBlanks()),
            modes: scope.modes ?? Set(ProxyMode.allCases),
            exceptions: scope.exceptions,
            isForSockets: scope.isForSockets,
            socketException: scope.socketException
        )
        guard case .endpoints(let shares, _) = outcome else { return }
        for case .delivered(let endpoint) in shares.keys.map(\.verdict)
        where endpoint.address.family != packet.family {
            throw FlowSyntaxError("\(endpoint) is not of the destination's family")
        }
    }

    private static func packet(
        from: [Substring],
        to: Substring
    ) throws(FlowSyntaxError) -> TracedPacket {
        guard from.count == 1 || from.count == 3 && from[1] == "via" else {
            throw FlowSyntaxError("left of '->' write: FROM [via INTERFACE]")
        }
        guard let source = IPAddress(String(from[0])) else {
            throw FlowSyntaxError("'\(from[0])' is not an address")
        }
        guard let destination = PacketDestination(String(to)) else {
            throw FlowSyntaxError("'\(to)' is neither ADDRESS:PORT/PROTOCOL nor ADDRESS/icmp")
        }
        guard source.family == destination.address.family else {
            throw FlowSyntaxError("\(source) and \(destination) are of different families")
        }
        let interface = from.count == 3 ? String(from[2]) : nil
        return TracedPacket(from: source, via: interface, to: destination)
    }
}

/// For whom a flow holds: `@iptables,ipvs` and any number of `!mode(reason)`, in any order. The word
/// `socket` stands for clients whom the socket level serves.
private struct Scope {
    var modes: Set<ProxyMode>?
    var exceptions: [ProxyMode: String] = [:]
    var isForSockets = false
    var socketException: String?

    private static let socket = "socket"

    init(parsing text: Substring) throws(FlowSyntaxError) {
        var rest = text.trimmingBlanks()
        while let sign = rest.first {
            rest = rest.dropFirst()
            if sign == "@" {
                let list = rest.prefix { !$0.isWhitespace && $0 != "!" }
                try restrict(to: list)
                rest = rest[list.endIndex...]
            } else if sign == "!", let open = rest.firstIndex(of: "("),
                let close = rest[open...].firstIndex(of: ")")
            {
                let reason = rest[rest.index(after: open)..<close].trimmingBlanks()
                guard !reason.isEmpty else { throw FlowSyntaxError("'!' needs a reason") }
                try except(rest[..<open], String(reason))
                rest = rest[rest.index(after: close)...]
            } else {
                throw FlowSyntaxError("behind the outcome write: @mode,mode or !mode(reason)")
            }
            rest = rest.trimmingBlanks()
        }
    }

    private mutating func restrict(to list: Substring) throws(FlowSyntaxError) {
        guard modes == nil, !isForSockets else { throw FlowSyntaxError("more than one '@'") }
        var named: Set<ProxyMode> = []
        for name in list.split(separator: ",", omittingEmptySubsequences: false) {
            if name == Self.socket {
                isForSockets = true
            } else {
                named.insert(try Self.mode(name))
            }
        }
        if !named.isEmpty { modes = named }
    }

    private mutating func except(
        _ name: Substring,
        _ reason: String
    ) throws(FlowSyntaxError) {
        if name == Self.socket {
            socketException = reason
        } else {
            exceptions[try Self.mode(name)] = reason
        }
    }

    private static func mode(_ name: Substring) throws(FlowSyntaxError) -> ProxyMode {
        guard let mode = ProxyMode(rawValue: String(name)) else {
            let known = ProxyMode.allCases.map(\.rawValue).joined(separator: ", ")
            throw FlowSyntaxError("'\(name)' is not a mode; modes are \(known)")
        }
        return mode
    }
}

extension ExpectedOutcome {
    init(parsing text: Substring) throws(FlowSyntaxError) {
        let parts = text.split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false)
        let flags = parts.count == 2 ? parts[1].words : []
        let words = text.words
        switch words.first {
        case "REJECT", "DROP":
            guard words.count == 1 else { throw FlowSyntaxError("\(words[0]) stands alone") }
            self = words[0] == "REJECT" ? .rejected : .dropped
        case "UNTOUCHED":
            guard words.count == 1 || words.count == 2 && words[1] == "masq" else {
                throw FlowSyntaxError("write: UNTOUCHED [masq]")
            }
            self = .untouched(masqueraded: words.count == 2)
        default:
            if let odd = flags.first(where: { $0 != "masq" && $0 != "sticky" }) {
                throw FlowSyntaxError("'\(odd)' behind ';': write masq or sticky")
            }
            self = .endpoints(
                try Self.shares(parts.first ?? "", masqueradeAll: flags.contains("masq")),
                sticky: flags.contains("sticky")
            )
        }
    }

    private static func shares(
        _ text: Substring,
        masqueradeAll: Bool
    ) throws(FlowSyntaxError) -> [FlowResult: ExpectedShare] {
        var results: [(result: FlowResult, share: ExpectedShare?)] = []
        for entry in text.split(separator: ",", omittingEmptySubsequences: false) {
            let (endpoint, share, masqueraded) = try Self.endpoint(entry)
            let result = FlowResult(.delivered(endpoint), masqueraded: masqueraded || masqueradeAll)
            results.append((result, share))
        }
        let written = results.compactMap(\.share)
        guard written.isEmpty || written.count == results.count else {
            throw FlowSyntaxError("write a share for each endpoint or for none")
        }
        if !written.isEmpty {
            let sum = written.reduce(0) { $0 + $1.value }
            let tolerance = written.reduce(1e-9) { $0 + $1.tolerance }
            guard abs(sum - 1) <= tolerance else {
                throw FlowSyntaxError("the shares do not add up to 1")
            }
        }
        var shares: [FlowResult: ExpectedShare] = [:]
        for (result, share) in results {
            guard shares[result] == nil else {
                throw FlowSyntaxError("the same endpoint stands there twice")
            }
            shares[result] = share ?? ExpectedShare(equalAmong: results.count)
        }
        return shares
    }

    private static func endpoint(
        _ entry: Substring
    ) throws(FlowSyntaxError) -> (SocketAddress, ExpectedShare?, masqueraded: Bool) {
        var words = entry.words[...]
        guard let first = words.popFirst(), let endpoint = SocketAddress(parsing: String(first))
        else {
            throw FlowSyntaxError(
                "'\(entry.trimmingBlanks())' is neither REJECT, DROP, UNTOUCHED nor ADDRESS:PORT"
            )
        }
        var share: ExpectedShare?
        if let word = words.first, let parsed = ExpectedShare(String(word)) {
            share = parsed
            words = words.dropFirst()
        }
        let masqueraded = words.first == "masq"
        if masqueraded { words = words.dropFirst() }
        if let odd = words.first {
            let hint = odd == "sticky" ? "write '; sticky'" : "write ADDRESS:PORT [SHARE] [masq]"
            throw FlowSyntaxError("'\(odd)' behind \(endpoint): \(hint)")
        }
        return (endpoint, share, masqueraded)
    }
}
