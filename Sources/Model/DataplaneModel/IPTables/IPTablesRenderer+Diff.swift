extension IPTablesRenderer {
    /// What changes, in the style of a unified diff: per table and chain a heading, then each rule
    /// that goes (`-`), comes (`+`) or gives context (a blank).
    ///
    ///     *nat
    ///     @@ PREROUTING @@
    ///     +-I PREROUTING 1 -j FAIRLEAD-SERVICES
    ///     @@ change FAIRLEAD-SVC-X @@ default/web:http
    ///      -A FAIRLEAD-SVC-X -s 10.0.0.0/8 -j FAIRLEAD-MARK
    ///     --A FAIRLEAD-SVC-X -j DNAT --to-destination 10.1.0.1:80
    ///     +-A FAIRLEAD-SVC-X -j DNAT --to-destination 10.1.0.2:80
    package func render(_ diff: IPTablesDiff) -> String {
        var text = RuleText(reserving: diff.count * 256)
        for table in diff.tables {
            text.append("*")
            text.append(table.table.rawValue)
            text.append("\n")
            append(table.jumps, to: &text)
            for change in table.chains { append(change, to: &text) }
        }
        return text.string
    }

    private func append(_ jumps: [JumpChange], to text: inout RuleText) {
        var heading: BuiltinChain?
        for change in jumps {
            let jump: Jump
            let isInsertion: Bool
            switch change {
            case .insert(let inserted): (jump, isInsertion) = (inserted, true)
            case .delete(let deleted): (jump, isInsertion) = (deleted, false)
            }
            if heading != jump.from {
                heading = jump.from
                text.append("@@ ")
                text.append(jump.from.rawValue)
                text.append(" @@\n")
            }
            text.append(isInsertion ? "+" : "-")
            if isInsertion {
                append(jump.rule, "-I ", jump.from.rawValue + " 1", to: &text)
            } else {
                append(jump.rule, "-A ", jump.from.rawValue, to: &text)
            }
            text.append("\n")
        }
    }

    private func append(_ change: ChainChange, to text: inout RuleText) {
        switch change {
        case .create(let chain):
            appendHeading("@@ create ", chain.name, title: chain.title, to: &text)
            for rule in chain.rules { appendLine("+", rule, chain.name, to: &text) }
        case .delete(let chain):
            appendHeading("@@ delete ", chain.name, title: chain.title, to: &text)
            for rule in chain.rules { appendLine("-", rule, chain.name, to: &text) }
        case .replace(let old, let new):
            appendHeading("@@ change ", new.name, title: new.title ?? old.title, to: &text)
            append(RuleEdit.script(from: old.rules, to: new.rules), new.name, to: &text)
        }
    }

    private func append(_ edits: [RuleEdit<Rule>], _ chain: ChainName, to text: inout RuleText) {
        for edit in edits {
            switch edit {
            case .keep(let rule): appendLine(" ", rule, chain, to: &text)
            case .remove(let rule): appendLine("-", rule, chain, to: &text)
            case .add(let rule): appendLine("+", rule, chain, to: &text)
            case .skip(let count):
                text.append(" # ")
                text.append(decimal: UInt64(count))
                text.append(" unchanged\n")
            }
        }
    }

    private func appendHeading(
        _ verb: StaticString,
        _ chain: ChainName,
        title: String?,
        to text: inout RuleText
    ) {
        text.append(verb)
        text.append(chain.text)
        text.append(" @@")
        if let title {
            text.append(" ")
            text.append(title: title)
        }
        text.append("\n")
    }

    private func appendLine(
        _ sign: StaticString,
        _ rule: Rule,
        _ chain: ChainName,
        to text: inout RuleText
    ) {
        text.append(sign)
        append(rule, "-A ", chain.text, to: &text)
        text.append("\n")
    }
}
