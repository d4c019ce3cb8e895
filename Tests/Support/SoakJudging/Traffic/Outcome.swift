/// What became of one connection. All times are microseconds of the monotonic clock.
package struct Outcome: Sendable {
    package let client: String
    package let target: Int
    package let began: Int
    /// When the server said its name; nil if it did not.
    package let answered: Int?
    package let ended: Int
    /// `pod1 ADDRESS`, or what went wrong.
    package let text: String

    /// From a line of `fairlead-lab agent flow`; nil if it is none.
    package init?(_ line: String, client: String) {
        let words = line.split(separator: " ", maxSplits: 4)
        guard words.count == 5, let target = Int(words[0]), let began = Int(words[1]),
            let answered = Int(words[2]), let ended = Int(words[3])
        else { return nil }
        self.client = client
        self.target = target
        self.began = began
        self.answered = answered == 0 ? nil : answered
        self.ended = ended
        text = String(words[4])
    }

    /// The pod that answered; nil if none did.
    package var pod: Int? {
        guard text.hasPrefix("pod") else { return nil }
        return Int(text.dropFirst(3).prefix { $0 != " " })
    }

    /// When it was decided who answers, or that nobody does.
    package var decided: Int { answered ?? ended }

    /// A Service without endpoints; a node's own datagrams do not leave it then.
    package var isRefusal: Bool { text == "refused" || text == "forbidden" }

    package var isLost: Bool { text.hasPrefix("lost") }

    /// The first SYN, or datagram, had no answer in the second before it was repeated.
    package var isLate: Bool { (answered.map { $0 - began } ?? 0) > 900_000 }
}
