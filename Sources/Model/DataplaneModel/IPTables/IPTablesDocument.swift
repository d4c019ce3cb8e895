package import Addressing

/// A state in the shape of its JSON form, where rules are text as iptables-save prints them:
///
///     {"family": "IPv4", "tables": [{"name": "nat",
///       "jumps": [{"chain": "PREROUTING", "rule": "-j FAIRLEAD-SERVICES"}],
///       "chains": [{"name": "FAIRLEAD-SVC-X", "title": "default/web:http", "rules": ["…"]}]}]}
///
/// Jumps are in the kernel's order, chains sorted by name. A missing `title` is left out. Fields may
/// be added, never renamed.
package struct IPTablesDocument: Sendable, Encodable {
    package struct Table: Sendable, Encodable {
        package var name: String
        package var jumps: [Jump]
        package var chains: [Chain]
    }

    package struct Jump: Sendable, Encodable {
        package var chain: String
        package var rule: String
    }

    package struct Chain: Sendable, Encodable {
        package var name: String
        package var title: String?
        package var rules: [String]
    }

    package var family: String
    package var tables: [Table]

    package init(_ state: IPTablesState, family: IPFamily) {
        let renderer = IPTablesRenderer(family: family)
        self.family = family.rawValue
        // Only some modes use mangle.
        let names = TableName.allCases.filter { $0 != .mangle || state.mangle != OwnedTable() }
        tables = names.map { name in
            Table(
                name: name.rawValue,
                jumps: state[name].jumps.map { Jump($0, renderer) },
                chains: state[name].sortedChains.map { Chain($0, renderer) }
            )
        }
    }
}

/// A diff in the shape of its JSON form:
///
///     {"family": "IPv4", "tables": [{"name": "nat",
///       "jumps": [{"change": "insert", "chain": "PREROUTING", "rule": "-j FAIRLEAD-SERVICES"}],
///       "chains": [{"change": "replace", "name": "FAIRLEAD-SVC-X", "title": "default/web:http",
///                   "old": ["…"], "new": ["…"]}]}]}
///
/// `change` of a chain is `create`, `replace` or `delete`, of a jump `insert` or `delete`. Tables
/// without a change are left out. `old` is empty for `create`, `new` for `delete`.
package struct IPTablesDiffDocument: Sendable, Encodable {
    package struct Table: Sendable, Encodable {
        package var name: String
        package var jumps: [Jump]
        package var chains: [Chain]
    }

    package struct Jump: Sendable, Encodable {
        package var change: String
        package var chain: String
        package var rule: String
    }

    package struct Chain: Sendable, Encodable {
        package var change: String
        package var name: String
        package var title: String?
        package var old: [String]
        package var new: [String]
    }

    package var family: String
    package var tables: [Table]

    package init(_ diff: IPTablesDiff, family: IPFamily) {
        let renderer = IPTablesRenderer(family: family)
        self.family = family.rawValue
        tables = diff.tables.map { table in
            Table(
                name: table.table.rawValue,
                jumps: table.jumps.map { Jump($0, renderer) },
                chains: table.chains.map { Chain($0, renderer) }
            )
        }
    }
}

extension IPTablesDocument.Jump {
    fileprivate init(_ jump: Jump, _ renderer: IPTablesRenderer) {
        self.init(chain: jump.from.rawValue, rule: renderer.render(jump.rule))
    }
}

extension IPTablesDocument.Chain {
    fileprivate init(_ chain: Chain, _ renderer: IPTablesRenderer) {
        self.init(
            name: chain.name.text,
            title: chain.title,
            rules: chain.rules.map { renderer.render($0) }
        )
    }
}

extension IPTablesDiffDocument.Jump {
    fileprivate init(_ change: JumpChange, _ renderer: IPTablesRenderer) {
        let (word, jump) =
            switch change {
            case .insert(let jump): ("insert", jump)
            case .delete(let jump): ("delete", jump)
            }
        self.init(change: word, chain: jump.from.rawValue, rule: renderer.render(jump.rule))
    }
}

extension IPTablesDiffDocument.Chain {
    fileprivate init(_ change: ChainChange, _ renderer: IPTablesRenderer) {
        func text(_ chain: Chain) -> [String] { chain.rules.map { renderer.render($0) } }
        let name = change.name.text
        switch change {
        case .create(let new):
            self.init(change: "create", name: name, title: new.title, old: [], new: text(new))
        case .delete(let old):
            self.init(change: "delete", name: name, title: old.title, old: text(old), new: [])
        case .replace(let old, let new):
            let title = new.title ?? old.title
            self.init(change: "replace", name: name, title: title, old: text(old), new: text(new))
        }
    }
}
