extension IPTablesRenderer {
    /// What changes, in the style of a unified diff: per table and chain a heading, then each rule
    /// that is removed (`-`), added (`+`) or unchanged context (a blank).
    ///
    ///     *nat
    ///     @@ PREROUTING @@
    ///     +-I PREROUTING 1 -j FAIRLEAD-SERVICES
    ///     @@ change FAIRLEAD-SVC-X @@ default/web:http
    ///      -A FAIRLEAD-SVC-X -s 10.0.0.0/8 -j FAIRLEAD-MARK
    ///     --A FAIRLEAD-SVC-X -j DNAT --to-destination 10.1.0.1:80
    ///     +-A FAIRLEAD-SVC-X -j DNAT --to-destination 10.1.0.2:80
    package func render(_ diff: IPTablesDiff) -> String {
        diff.tables.flatMap { table in
            ["*\(table.table.rawValue)"] + lines(table.jumps) + table.chains.flatMap(lines)
        }.map { $0 + "\n" }.joined()
    }

    private func lines(_ jumps: [JumpChange]) -> [String] {
        var heading: BuiltinChain?
        return jumps.flatMap { change in
            let (jump, line) =
                switch change {
                case .insert(let jump):
                    (jump, "+" + line(jump.rule, "-I ", "\(jump.from.rawValue) 1"))
                case .delete(let jump): (jump, "-" + render(jump))
                }
            defer { heading = jump.from }
            return heading == jump.from ? [line] : ["@@ \(jump.from.rawValue) @@", line]
        }
    }

    private func lines(_ change: ChainChange) -> [String] {
        func line(_ rule: Rule) -> String { render(rule, in: change.name) }
        func heading(_ verb: String, _ title: String?) -> String {
            "@@ \(verb) \(change.name) @@" + RuleText.tail(title: title)
        }
        return switch change {
        case .create(let chain):
            [heading("create", chain.title)] + chain.rules.map { "+" + line($0) }
        case .delete(let chain):
            [heading("delete", chain.title)] + chain.rules.map { "-" + line($0) }
        case .replace(let old, let new):
            [heading("change", new.title ?? old.title)]
                + RuleEdit.script(from: old.rules, to: new.rules).map { $0.text(line) }
        }
    }
}
