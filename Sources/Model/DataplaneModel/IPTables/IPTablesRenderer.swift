package import Addressing

/// Renders rules exactly as `iptables-legacy-save` or `ip6tables-legacy-save` prints them.
///
/// A whole state is input for `iptables-legacy-restore --noflush`. Lines that no tool would print
/// are comments: a chain's title, or an observed rule without text (`# opaque`).
package struct IPTablesRenderer: Sendable {
    package let family: IPFamily

    package init(family: IPFamily) {
        self.family = family
    }

    /// Conditions and target without the chain: `-p tcp -m tcp --dport 80 -j ACCEPT`.
    package func render(_ rule: Rule) -> String {
        var text = RuleText()
        text.append(rule, family: family)
        return String(text.string.dropFirst())
    }

    /// `-A CHAIN …`, as iptables-save prints it.
    package func render(_ rule: Rule, in chain: ChainName) -> String {
        line(rule, "-A ", chain.text)
    }

    /// `-A PREROUTING …`, as iptables-save prints it.
    package func render(_ jump: Jump) -> String {
        line(jump.rule, "-A ", jump.from.rawValue)
    }

    /// All tables: input of `iptables-legacy-restore --noflush` that creates this state on a kernel
    /// without any of Fairlead's rules.
    ///
    /// Jumps stand before the chains, as a packet meets them. Each is inserted at the head of its
    /// built-in chain, so the last comes first.
    package func render(_ state: IPTablesState) -> String {
        var text = RuleText(
            reserving: TableName.allCases.reduce(0) { $0 + Self.capacity(for: state[$1]) }
        )
        for name in TableName.allCases { append(state[name], name: name, to: &text) }
        return text.string
    }
}

extension IPTablesRenderer {
    /// One table's block, from `*nat` to `COMMIT`; nothing if Fairlead owns nothing in it.
    private func append(_ table: OwnedTable, name: TableName, to text: inout RuleText) {
        if table.chains.isEmpty, table.jumps.isEmpty { return }
        let chains = table.sortedChains
        text.append("*\(name.rawValue)\n")
        for chain in chains { text.append(":\(chain.name) - [0:0]\n") }
        for jump in table.jumps.reversed() {
            append(jump.rule, "-I ", jump.from.rawValue + " 1", to: &text)
            text.append("\n")
        }
        for chain in chains { append(chain, to: &text) }
        text.append("COMMIT\n")
    }

    /// The chain's rules, one per line, after a comment with its title, if any.
    private func append(_ chain: Chain, to text: inout RuleText) {
        if chain.rules.isEmpty { return }
        if let title = chain.title {
            text.append("# ")
            text.append(title: title)
            text.append("\n")
        }
        for rule in chain.rules {
            append(rule, "-A ", chain.name.text, to: &text)
            text.append("\n")
        }
    }

    /// One rule as a command on its chain; a comment if it has no text.
    func line(_ rule: Rule, _ command: StaticString, _ chain: String) -> String {
        var text = RuleText()
        append(rule, command, chain, to: &text)
        return text.string
    }

    private func append(
        _ rule: Rule,
        _ command: StaticString,
        _ chain: String,
        to text: inout RuleText
    ) {
        if case .opaque = rule.target { text.append("# ") }
        text.append(command)
        text.append(chain)
        text.append(rule, family: family)
    }

    private static func capacity(for table: OwnedTable) -> Int {
        table.chains.values.reduce(table.jumps.count * 128) { $0 + 64 + $1.rules.count * 144 }
    }
}
