package import Addressing
package import NamespaceLab

/// Several connections from one client to one place, what has to become of them, and what did.
package struct CheckedConnection: Sendable {
    /// What has to happen.
    package enum Expectation: Sendable, Equatable {
        /// One of these pods answers, and sees this client.
        case answers(pods: [Int], sees: CheckClient)
        case refused
        case silence
    }

    /// The place in the table.
    package struct Cell: Sendable, Hashable {
        package var row: Int
        package var column: Int
    }

    package let cell: Cell
    package let client: CheckClient
    package let family: IPFamily
    package let transport: TransportProtocol
    /// `10.96.0.10:80/tcp`
    package let target: String
    /// The node that translates, if one does.
    package let translator: Int?
    package let expectation: Expectation
    package var outcomes: [String] = []

    /// Enough that a wrong endpoint, one of two, would be missed once in many thousand checks.
    var count: Int {
        switch expectation {
        case .answers(let pods, _): pods.count > 1 ? 20 : 12
        case .refused, .silence: 1
        }
    }

    /// An answer may take long on a busy machine; silence is waited for. A first refusal may come
    /// while connect(2) holds the socket, and is lost: the second follows the repeated SYN after a
    /// second.
    func patience(_ factor: Int) -> Duration {
        expectation == .silence ? .milliseconds(1200 * factor) : .milliseconds(5000 * factor)
    }

    // MARK: - What became of it

    /// Who answered, by number, and whom it saw, as `pod1 ← client`; or what else happened.
    func seen(in shape: LabShape) -> [(pod: Int?, text: String)] {
        outcomes.map { outcome in
            if outcome == "forbidden", isToldBySend { return (nil, lostWord) }
            let words = outcome.split(separator: " ").map(String.init)
            guard words.count == 2, words[0].hasPrefix("pod"), let pod = Int(words[0].dropFirst(3))
            else { return (nil, outcome) }
            return (pod, CheckClient.named(words[1], family, in: shape))
        }
    }

    /// What is wrong, in words; nil if nothing is.
    package func complaint(in shape: LabShape) -> String? {
        let wrong = zip(outcomes, seen(in: shape)).filter { !isRight($0.1) }.map(\.0)
        if let first = wrong.first {
            return "\(wrong.count) of \(outcomes.count): \(first), not \(wish)"
        }
        guard outcomes.count == count else {
            return "\(outcomes.count) outcomes of \(count) connections"
        }
        guard case .answers(let pods, _) = expectation, pods.count > 1 else { return nil }
        return Set(outcomes).count > 1 ? nil : "always \(outcomes[0]), of \(pods.count) endpoints"
    }

    private func isRight(_ seen: (pod: Int?, text: String)) -> Bool {
        switch expectation {
        case .answers(let pods, let client):
            guard let pod = seen.pod, pods.contains(pod) else { return false }
            return seen.text == sight(of: client, by: pod).name
        case .refused: return seen.text == "refused"
        case .silence: return seen.text == "timeout"
        }
    }

    /// Who sends datagrams through rules of its own host is told at once that they were not let go,
    /// and not whether by a refusal or in silence.
    private var isToldBySend: Bool {
        guard transport == .udp, let translator else { return false }
        return client == .node(translator)
    }

    private var lostWord: String { expectation == .silence ? "timeout" : "refused" }

    /// An endpoint that reaches itself sees its node: from its own address it could not answer.
    private func sight(of client: CheckClient, by pod: Int) -> CheckClient {
        guard client == .pod(pod), let translator else { return client }
        return .node(translator)
    }

    private var wish: String {
        switch expectation {
        case .answers(let pods, let client):
            "one of \(pods.map { "pod\($0)" }.joined(separator: ", ")), which sees \(client.name)"
        case .refused: "refused"
        case .silence: "silence"
        }
    }
}
