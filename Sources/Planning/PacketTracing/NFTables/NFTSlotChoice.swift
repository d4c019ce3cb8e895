import DataplaneModel

/// How a rule chooses one of several buckets.
struct NFTSlotChoice {
    /// Why a packet gets its bucket.
    let reason: String
    /// What the shares do not show.
    let note: String?

    /// Nil if the key leaves no choice.
    init?(_ key: [NFTExpression]) {
        for expression in key {
            switch expression {
            case .random(let modulus):
                (reason, note) = ("one of \(modulus) slots at random", nil)
                return
            case .roundRobin(let modulus):
                reason = "one of \(modulus) slots in turn"
                note =
                    "numgen inc takes the slots in turn; the shares are those of many connections"
                return
            case .hash(let content, let modulus, _):
                let whose = Self.text(content)
                reason = "one of \(modulus) slots by \(whose)"
                note =
                    "jhash gives one \(whose) always the same slot;"
                    + " the shares are those of many clients"
                return
            case .address, .transport, .port, .originalDestination, .originalPort, .priority,
                .maskedPriority:
                continue
            }
        }
        return nil
    }

    private static func text(_ content: [NFTExpression]) -> String {
        if content == [.address(.source), .port(.source)] { return "client address and port" }
        return content.map { expression in
            switch expression {
            case .address(.source): "client address"
            case .address(.destination): "destination address"
            case .port(.source): "client port"
            case .port(.destination): "destination port"
            case .transport: "protocol"
            case .originalDestination: "original destination"
            case .originalPort: "original port"
            case .priority, .maskedPriority, .random, .roundRobin, .hash: "priority"
            }
        }.joined(separator: " and ")
    }
}
