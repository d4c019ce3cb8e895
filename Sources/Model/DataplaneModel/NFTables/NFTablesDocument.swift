package import Addressing

/// A state of nftables mode in the shape of its JSON form, where rules and elements are text in
/// nft's language:
///
///     {"family": "IPv4", "table": "ip fairlead",
///      "sets": [{"name": "cluster-ips", "kind": "map", "title": "…", "attributes": ["type …"],
///        "elements": ["10.96.0.10 . tcp . 80 : 1:2"]}],
///      "chains": [{"name": "services", "title": "…", "hook": "type nat hook …",
///        "rules": ["…"]}]}
///
/// A missing `title`, `hook` or `table` is left out. Fields may be added, never renamed.
package struct NFTablesDocument: Sendable, Encodable {
    package struct Set: Sendable, Encodable {
        package var name: String
        package var kind: String
        package var title: String?
        package var attributes: [String]
        package var elements: [String]
    }

    package struct Chain: Sendable, Encodable {
        package var name: String
        package var title: String?
        package var hook: String?
        package var rules: [String]
    }

    package var family: String
    package var table: String?
    package var sets: [Set]
    package var chains: [Chain]

    package init(_ state: NFTablesState, family: IPFamily) {
        let renderer = NFTablesRenderer(family: family)
        self.family = family.rawValue
        table = state.table == .absent ? nil : renderer.table
        sets = state.sortedSets.map { set in
            Set(
                name: set.name.text,
                kind: set.shape.keyword,
                title: set.title,
                attributes: renderer.lines(set),
                elements: set.sortedElements.map { renderer.render($0, of: set.shape) }
            )
        }
        chains = state.sortedChains.map { chain in
            Chain(
                name: chain.name.text,
                title: chain.title,
                hook: chain.hook.map { renderer.line($0) },
                rules: chain.rules.map { renderer.render($0) }
            )
        }
    }
}

/// A diff of nftables mode in the shape of its JSON form, with the lines of the text form:
///
///     {"family": "IPv4", "table": "create",
///      "sets": [{"name": "endpoints", "change": "update",
///        "lines": ["+1:0 . 0 : 10.180.0.11 . 8080"]}],
///      "chains": [{"name": "random-40", "change": "create", "lines": ["+…"]}]}
///
/// `table` is `create`, `restore`, `delete`, `replace` or left out; `change` is `create`, `update`
/// or `delete`. A replaced table lists all sets and chains as created.
package struct NFTablesDiffDocument: Sendable, Encodable {
    package struct Change: Sendable, Encodable {
        package var name: String
        package var change: String
        package var lines: [String]
    }

    package var family: String
    package var table: String?
    package var sets: [Change]
    package var chains: [Change]

    package init(_ diff: NFTablesDiff, family: IPFamily) {
        let renderer = NFTablesRenderer(family: family)
        self.family = family.rawValue
        var shown = diff
        if let rebuilt = diff.rebuilt {
            shown = NFTablesDiff(from: NFTablesState(), to: rebuilt)
            table = "replace"
        } else {
            table = diff.table?.rawValue
        }
        sets = shown.sets.map {
            Change(name: $0.name.text, change: $0.word, lines: renderer.lines($0))
        }
        chains = shown.chains.map {
            Change(name: $0.name.text, change: $0.word, lines: renderer.lines($0))
        }
    }
}

extension NFTSetChange {
    fileprivate var word: String {
        switch self {
        case .create: "create"
        case .update: "update"
        case .delete: "delete"
        }
    }
}

extension NFTChainChange {
    fileprivate var word: String {
        switch self {
        case .create: "create"
        case .replace: "update"
        case .delete: "delete"
        }
    }
}
