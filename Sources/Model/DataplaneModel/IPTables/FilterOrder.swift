/// When a change of table filter is made, beside those of the other tables. The kernel takes each table alone.
///
/// Rules of filter refuse what none of nat translates. A first packet for which there is neither passes as it is, and
/// connection tracking holds to that for all that follow.
package enum FilterOrder: Sendable {
    /// What is refused from now on was translated so far, or none of it ever was.
    case first
    /// What is no longer refused is translated from now on.
    case last
    /// Some is refused from now on, and other no longer: filter first gets what it gains, and last loses the rest.
    case both
}

/// The transactions that a diff of several tables takes.
package struct TableTransactions: Sendable, Equatable {
    /// Of filter, beside which it keeps all that it has; nil if one transaction is enough for filter.
    package var gains: TableDiff?
    /// In their order, after `gains`.
    package var tables: [TableDiff]
}

extension IPTablesDiff {
    /// In the order of application.
    package var transactions: TableTransactions {
        guard let filter = tables.first(where: { $0.table == .filter }) else {
            return TableTransactions(tables: tables)
        }
        let others = tables.filter { $0.table != .filter }
        switch others.isEmpty ? .first : filterOrder ?? filter.order {
        case .first: return TableTransactions(tables: [filter] + others)
        case .last: return TableTransactions(tables: others + [filter])
        case .both:
            let (gains, losses) = filter.halves
            if gains.isEmpty { return TableTransactions(tables: others + [filter]) }
            if losses.isEmpty { return TableTransactions(tables: [filter] + others) }
            return TableTransactions(gains: gains, tables: others + [losses])
        }
    }
}

extension TableDiff {
    /// As its rules tell, which may have moved from chain to chain.
    fileprivate var order: FilterOrder {
        let (gains, losses) = halves
        return losses.isEmpty ? .first : gains.isEmpty ? .last : .both
    }

    /// The same change in two: first what is new, then without what is old. In between rules only lead to chains that
    /// are there, and what the old or the new rules refuse is refused.
    fileprivate var halves: (gains: TableDiff, losses: TableDiff) {
        var gains = TableDiff(table: table)
        var losses = gains
        for change in chains {
            switch change {
            case .create: gains.chains.append(change)
            case .delete: losses.chains.append(change)
            case .replace(let old, let new):
                let between = new.before(old)
                if let gain = ChainChange(from: old, to: between) { gains.chains.append(gain) }
                if let loss = ChainChange(from: between, to: new) { losses.chains.append(loss) }
            }
        }
        for jump in jumps {
            switch jump {
            case .insert: gains.jumps.append(jump)
            case .delete: losses.jumps.append(jump)
            }
        }
        return (gains, losses)
    }
}

extension Chain {
    /// A chain that decides as this one, and where this one does not, as `old`. Rules that both begin or end with are
    /// there once, and so keep their counters.
    fileprivate func before(_ old: Chain) -> Chain {
        if rules.holds(old.rules) { return self }
        if old.rules.holds(rules) { return old }
        let shorter = min(rules.count, old.rules.count)
        let head = zip(rules, old.rules).prefix { $0 == $1 }.count
        let tail = zip(rules.reversed(), old.rules.reversed()).prefix(shorter - head)
            .prefix { $0 == $1 }.count
        let new = rules[head..<(rules.count - tail)]
        let present = Set(new)
        // A rule without a form in the model cannot be written again, and no plan has it.
        let rest = old.rules[head..<(old.rules.count - tail)].filter {
            !present.contains($0) && !$0.isOpaque
        }
        var chain = self
        chain.rules =
            rules[..<head] + (new + rest).map(\.returning) + rules[(rules.count - tail)...]
        return chain
    }
}

extension [Rule] {
    /// All of `others` are among these, in their order.
    fileprivate func holds(_ others: [Rule]) -> Bool {
        var left = self[...]
        return others.allSatisfy { rule in
            guard let place = left.firstIndex(of: rule) else { return false }
            left = left[(place + 1)...]
            return true
        }
    }
}

extension Rule {
    fileprivate var isOpaque: Bool { if case .opaque = target { true } else { false } }

    /// The same, except that what the other chain does not decide comes back here.
    fileprivate var returning: Rule {
        guard case .goto(let chain) = target else { return self }
        var rule = self
        rule.target = .jump(chain)
        return rule
    }
}
