extension NFTablesRenderer {
    /// The changes, sets before chains: `+` for added, `-` for removed.
    package func render(_ diff: NFTablesDiff) -> String {
        var lines = [heading(diff)].compactMap(\.self)
        if let rebuilt = diff.rebuilt {
            lines += render(rebuilt).split(separator: "\n", omittingEmptySubsequences: false)
                .dropFirst(2).dropLast().map { "+\($0)" }
        }
        for change in diff.sets { lines += [heading(change)] + self.lines(change) }
        for change in diff.chains { lines += [heading(change)] + self.lines(change) }
        return lines.map { $0 + "\n" }.joined()
    }

    /// The heading for the table itself; nil if only its content changes.
    private func heading(_ diff: NFTablesDiff) -> String? {
        if diff.rebuilt != nil { return "@@ replace table \(table) @@" }
        return switch diff.table {
        case .create: "@@ create table \(table) @@"
        case .restore: "@@ restore flags of table \(table) @@"
        case .delete: "@@ delete table \(table) @@"
        case nil: nil
        }
    }

    private func heading(_ change: NFTSetChange) -> String {
        switch change {
        case .create(let set):
            "@@ create \(set.shape.keyword) \(set.name) @@" + RuleText.tail(title: set.title)
        case .delete(let set):
            "@@ delete \(set.shape.keyword) \(set.name) @@" + RuleText.tail(title: set.title)
        case .update(let update): "@@ change \(update.shape.keyword) \(update.name) @@"
        }
    }

    /// The lines of a set's change, one per element; a replaced value is two lines.
    func lines(_ change: NFTSetChange) -> [String] {
        switch change {
        case .create(let set): return lines(set, "+")
        case .delete(let set): return lines(set, "-")
        case .update(let update):
            func line(_ sign: String, _ key: NFTValue, _ data: NFTData) -> String {
                sign + render(NFTElement(key, data), of: update.shape)
            }
            return update.removed.map { line("-", $0.key, $0.data) }
                + update.replaced.flatMap {
                    [line("-", $0.key, $0.old), line("+", $0.key, $0.new)]
                }
                + update.added.map { line("+", $0.key, $0.data) }
        }
    }

    private func lines(_ set: NFTSet, _ sign: String) -> [String] {
        (lines(set) + set.sortedElements.map { render($0, of: set.shape) }).map { sign + $0 }
    }

    private func heading(_ change: NFTChainChange) -> String {
        switch change {
        case .create(let chain):
            "@@ create chain \(chain.name) @@" + RuleText.tail(title: chain.title)
        case .delete(let chain):
            "@@ delete chain \(chain.name) @@" + RuleText.tail(title: chain.title)
        case .replace(let old, let new):
            "@@ change chain \(new.name) @@" + RuleText.tail(title: new.title ?? old.title)
        }
    }

    /// The lines of a chain's change, one per rule, with unchanged rules around each change.
    func lines(_ change: NFTChainChange) -> [String] {
        switch change {
        case .create(let chain): lines(chain, "+")
        case .delete(let chain): lines(chain, "-")
        case .replace(let old, let new):
            RuleEdit.script(from: old.rules, to: new.rules).map { $0.text(render) }
        }
    }

    private func lines(_ chain: NFTChain, _ sign: String) -> [String] {
        (chain.hook.map { [line($0)] } ?? []).map { sign + $0 }
            + chain.rules.map { sign + render($0) }
    }
}
