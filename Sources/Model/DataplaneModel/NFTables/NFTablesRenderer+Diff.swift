extension NFTablesRenderer {
    /// The changes, sets before chains: `+` for added, `-` for removed.
    package func render(_ diff: NFTablesDiff) -> String {
        var text = RuleText()
        if let heading = heading(diff) {
            text.append(heading)
            text.append("\n")
        }
        if let rebuilt = diff.rebuilt {
            for line in render(rebuilt).split(separator: "\n", omittingEmptySubsequences: false)
                .dropFirst(2).dropLast()
            {
                text.append("+\(line)\n")
            }
        }
        for change in diff.sets {
            text.append(heading(change))
            text.append("\n")
            for line in lines(change) { text.append("\(line)\n") }
        }
        for change in diff.chains {
            text.append(heading(change))
            text.append("\n")
            for line in lines(change) { text.append("\(line)\n") }
        }
        return text.string
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
            "@@ create \(set.shape.keyword) \(set.name) @@" + Self.tail(set.title)
        case .delete(let set):
            "@@ delete \(set.shape.keyword) \(set.name) @@" + Self.tail(set.title)
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
        case .create(let chain): "@@ create chain \(chain.name) @@" + Self.tail(chain.title)
        case .delete(let chain): "@@ delete chain \(chain.name) @@" + Self.tail(chain.title)
        case .replace(let old, let new):
            "@@ change chain \(new.name) @@" + Self.tail(new.title ?? old.title)
        }
    }

    /// The lines of a chain's change, one per rule, with unchanged rules around each change.
    func lines(_ change: NFTChainChange) -> [String] {
        switch change {
        case .create(let chain): lines(chain, "+")
        case .delete(let chain): lines(chain, "-")
        case .replace(let old, let new):
            RuleEdit.script(from: old.rules, to: new.rules).map { edit in
                switch edit {
                case .keep(let rule): " " + render(rule)
                case .remove(let rule): "-" + render(rule)
                case .add(let rule): "+" + render(rule)
                case .skip(let count): " # \(count) unchanged"
                }
            }
        }
    }

    private func lines(_ chain: NFTChain, _ sign: String) -> [String] {
        (chain.hook.map { [line($0)] } ?? []).map { sign + $0 }
            + chain.rules.map { sign + render($0) }
    }

    private static func tail(_ title: String?) -> String {
        guard let title else { return "" }
        var text = RuleText()
        text.append(title: title)
        return " " + text.string
    }
}
