package import Addressing
package import NamespaceLab

/// Several connections from one client to one target, with expected and actual outcomes.
package struct CheckedConnection: Sendable {
    /// The expected outcome.
    package enum Expectation: Sendable, Equatable {
        /// One of these pods answers, and sees this client.
        case answers(pods: [Int], sees: CheckClient)
        case refused
        case silence
    }

    /// The cell of the table.
    package struct Cell: Sendable, Hashable {
        package var row: Int
        package var column: Int
    }

    /// What serves clients on the nodes.
    package enum Level: Sendable {
        case rules
        /// The socket level, with the rules beneath.
        case sockets
    }

    package let cell: Cell
    package let client: CheckClient
    package let family: IPFamily
    package let transport: TransportProtocol
    /// `10.96.0.10:80/tcp`
    package let target: String
    /// The node whose rules decide, if one's do.
    package let translator: Int?
    package let expectation: Expectation
    var level = Level.rules
    var remark: SocketRemark?
    /// A pod that is sent to itself by rules is seen with its node's address: from its own it could not answer.
    var isMasqueradedToItself = true
    package var outcomes: [String] = []

    /// How often it is made: enough that a wrong endpoint, one of two, would be missed once in many thousand checks.
    package var count: Int {
        switch expectation {
        case .answers(let pods, _): pods.count > 1 ? 20 : 12
        case .refused, .silence: 1
        }
    }

    /// Whether one endpoint gave all the answers though others could have. With two, that is chance once in half a
    /// million times, and a check of all labs has nearly a thousand such connections: they are made again.
    package func isUnspread(in shape: LabShape) -> Bool {
        guard case .answers(let pods, _) = expectation, pods.count > 1 else { return false }
        return Set(outcomes).count == 1 && seen(in: shape).allSatisfy(isRight)
    }

    /// An answer may take long on a busy machine; silence is waited for. A first refusal may come
    /// while connect(2) holds the socket, and is lost: the second follows the repeated SYN after a
    /// second.
    func patience(_ factor: Int) -> Duration {
        expectation == .silence ? .milliseconds(1200 * factor) : .milliseconds(5000 * factor)
    }

    // MARK: - Outcomes

    /// The number of the pod that answered and the client that it saw; or another outcome.
    func seen(in shape: LabShape) -> [(pod: Int?, text: String)] {
        outcomes.map { outcome in
            if outcome == "forbidden", seesSendErrors { return (nil, lostOutcome) }
            let words = outcome.split(separator: " ").map(String.init)
            guard words.count == 2, words[0].hasPrefix("pod"), let pod = Int(words[0].dropFirst(3))
            else { return (nil, outcome) }
            return (pod, CheckClient.named(words[1], family, in: shape))
        }
    }

    /// The difference from what was expected; nil if there is none.
    package func mismatch(in shape: LabShape) -> String? {
        let wrong = zip(outcomes, seen(in: shape)).filter { !isRight($0.1) }.map(\.0)
        if let first = wrong.first {
            return "\(wrong.count) of \(outcomes.count): \(first), not \(expected)"
        }
        guard !outcomes.isEmpty, outcomes.count.isMultiple(of: count) else {
            return "\(outcomes.count) outcomes of \(count) connections"
        }
        guard isUnspread(in: shape), case .answers(let pods, _) = expectation else { return nil }
        return "\(outcomes.count) times \(outcomes[0]), of \(pods.count) endpoints"
    }

    private func isRight(_ seen: (pod: Int?, text: String)) -> Bool {
        switch expectation {
        case .answers(let pods, let client):
            guard let pod = seen.pod, pods.contains(pod) else { return false }
            return seen.text == seenClient(of: client, by: pod).name
        case .refused: return seen.text == "refused"
        case .silence: return seen.text == "timeout"
        }
    }

    /// A sender of datagrams learns at once that rules of its own host stopped them, but not whether
    /// they rejected or dropped.
    private var seesSendErrors: Bool {
        guard transport == .udp, let translator else { return false }
        return client == .node(translator)
    }

    private var lostOutcome: String { expectation == .silence ? "timeout" : "refused" }

    private func seenClient(of client: CheckClient, by pod: Int) -> CheckClient {
        guard client == .pod(pod), isMasqueradedToItself, let translator else { return client }
        return .node(translator)
    }

    private var expected: String {
        switch expectation {
        case .answers(let pods, let client):
            "one of \(pods.map { "pod\($0)" }.joined(separator: ", ")), which sees \(client.name)"
        case .refused: "refused"
        case .silence: "silence"
        }
    }
}
