package import Addressing

/// Renders Fairlead's table in nft's language, as nft 1.0.6 reads it and, except for the order of
/// chains and line breaks, as `nft list table` prints it.
///
/// A whole state is input for `nft -f` that replaces the table. Titles are comments, and so is an
/// observed rule without text (`# opaque`).
package struct NFTablesRenderer: Sendable {
    package let family: IPFamily

    package init(family: IPFamily) {
        self.family = family
    }

    /// The whole table; empty if there is none.
    package func render(_ state: NFTablesState) -> String {
        if state.table == .absent { return "" }
        let elements = state.sets.values.reduce(0) { $0 + $1.elements.count }
        var text = RuleText(reserving: 1 << 14 + elements * 64)
        // nft checks the new rules against existing sets, so the old table is deleted first.
        text.append("add table \(table)\ndelete table \(table)\ntable \(table) {\n")
        if state.table == .altered { text.append("\t# has unexpected flags\n") }
        var isFirst = true
        for set in state.sortedSets {
            if !isFirst { text.append("\n") }
            isFirst = false
            append(set, to: &text)
        }
        for chain in state.sortedChains {
            if !isFirst { text.append("\n") }
            isFirst = false
            append(chain, to: &text)
        }
        text.append("}\n")
        return text.string
    }

    /// Statements without the chain: `ip daddr 10.0.0.1 drop`.
    package func render(_ rule: NFTRule) -> String {
        var text = RuleText()
        append(rule, to: &text)
        return text.string
    }

    /// An element as written between the braces: `10.96.0.10 . tcp . 80 : 1:2`.
    package func render(_ element: NFTElement, of shape: NFTSetShape) -> String {
        var text = RuleText()
        append(element, of: shape, to: &text)
        return text.string
    }

    /// `ip fairlead`.
    var table: String { "\(family == .ipv4 ? "ip" : "ip6") \(Ownership.fairlead.table)" }

    // MARK: - Sets

    private func append(_ set: NFTSet, to text: inout RuleText) {
        append(title: set.title, to: &text)
        text.append("\t\(set.shape.keyword) \(set.name) {\n")
        for line in lines(set) { text.append("\t\t\(line)\n") }
        if set.isOpaque { text.append("\t\t# contains unsupported elements\n") }
        if !set.elements.isEmpty { append(set.sortedElements, of: set.shape, to: &text) }
        text.append("\t}\n")
    }

    /// The attributes of a set, one per line: type, size, flags, counter.
    func lines(_ set: NFTSet) -> [String] {
        var lines = [type(of: set.shape)]
        if let size = set.size { lines.append("size \(size)") }
        if set.shape.isInterval { lines.append("flags interval") }
        if set.shape.isDynamic { lines.append("flags dynamic,timeout") }
        if set.shape.countsPackets { lines.append("counter") }
        return lines
    }

    /// `type ipv4_addr . inet_service : verdict`. With a field that has no type name in nft's
    /// language, `typeof` with an example of each field.
    private func type(of shape: NFTSetShape) -> String {
        var fields = shape.key
        if case .fields(let data) = shape.mapping { fields += data }
        let byExample = fields.contains(.number)
        func words(_ fields: [NFTField]) -> String {
            fields.map { byExample ? example($0) : name($0) }.joined(separator: " . ")
        }
        let key = (byExample ? "typeof " : "type ") + words(shape.key)
        return switch shape.mapping {
        case .none: key
        case .fields(let data): key + " : " + words(data)
        case .verdict: key + " : verdict"
        }
    }

    private func name(_ field: NFTField) -> String {
        switch field {
        case .address: family == .ipv4 ? "ipv4_addr" : "ipv6_addr"
        case .transport: "inet_proto"
        case .port: "inet_service"
        case .classID: "classid"
        case .number: "integer"
        }
    }

    private func example(_ field: NFTField) -> String {
        switch field {
        case .address: family == .ipv4 ? "ip daddr" : "ip6 daddr"
        case .transport: "meta l4proto"
        case .port: "th dport"
        case .classID: "meta priority"
        case .number: "numgen random mod 2"
        }
    }

    private func append(
        _ elements: [NFTElement],
        of shape: NFTSetShape,
        to text: inout RuleText
    ) {
        text.append("\t\telements = {\n")
        for (index, element) in elements.enumerated() {
            text.append("\t\t\t")
            append(element, of: shape, to: &text)
            text.append(index + 1 < elements.count ? ",\n" : "\n")
        }
        text.append("\t\t}\n")
    }

    // MARK: - Chains

    private func append(_ chain: NFTChain, to text: inout RuleText) {
        append(title: chain.title, to: &text)
        text.append("\tchain \(chain.name) {\n")
        if let hook = chain.hook { text.append("\t\t\(line(hook))\n") }
        for rule in chain.rules {
            if let title = rule.title {
                text.append("\t\t# ")
                text.append(title: title)
                text.append("\n")
            }
            text.append("\t\t")
            append(rule, to: &text)
            text.append("\n")
        }
        text.append("\t}\n")
    }

    /// `type nat hook prerouting priority -100; policy accept;`.
    func line(_ hook: NFTHook) -> String {
        "type \(hook.kind.rawValue) hook \(hook.place.rawValue) priority \(hook.priority);"
            + " policy \(hook.dropsByDefault ? "drop" : "accept");"
    }

    private func append(title: String?, to text: inout RuleText) {
        guard let title else { return }
        text.append("\t# ")
        text.append(title: title)
        text.append("\n")
    }
}

extension NFTSetShape {
    /// `set` or `map`.
    package var keyword: String { mapping == .none ? "set" : "map" }
}
