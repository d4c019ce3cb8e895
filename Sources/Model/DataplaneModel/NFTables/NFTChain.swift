/// One rule: its statements in order.
package struct NFTRule: Sendable {
    package var statements: [NFTStatement]
    /// What the rule is for; shown in plans, not kept by the kernel and so no part of equality.
    package var title: String?

    package init(_ statements: NFTStatement..., title: String? = nil) {
        self.init(statements, title: title)
    }

    /// The `*` behind an interface's name of full length is left out: nothing longer begins so, and
    /// neither nft nor the kernel has a form for it.
    package init(_ statements: [NFTStatement], title: String? = nil) {
        self.statements = statements.map(\.normalized)
        self.title = title
    }
}

extension NFTStatement {
    fileprivate var normalized: NFTStatement {
        guard case .inInterface(var match) = self, match.name.utf8.count == 15 else { return self }
        match.isPrefix = false
        return .inInterface(match)
    }
}

extension NFTRule: Equatable {
    package static func == (left: NFTRule, right: NFTRule) -> Bool {
        left.statements == right.statements
    }
}

/// Where the kernel's network stack calls a chain.
package struct NFTHook: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case filter
        case nat
        /// Never planned.
        case route
    }

    package enum Place: String, Sendable, Hashable, CaseIterable {
        case prerouting
        case input
        case forward
        case output
        case postrouting
    }

    package var kind: Kind
    package var place: Place
    /// Chains of lower numbers come first.
    package var priority: Int32
    /// What becomes of a packet at the chain's end: dropped, else accepted.
    package var dropsByDefault: Bool

    package init(_ kind: Kind, _ place: Place, priority: Int32, dropsByDefault: Bool = false) {
        self.kind = kind
        self.place = place
        self.priority = priority
        self.dropsByDefault = dropsByDefault
    }
}

/// A chain and its rules.
package struct NFTChain: Sendable {
    package var name: NFTChainName
    /// For a base chain; nil for one that only rules lead to.
    package var hook: NFTHook?
    package var rules: [NFTRule]
    /// What the chain is for; shown in plans, not kept by the kernel and so no part of equality.
    package var title: String?

    package init(
        _ name: NFTChainName,
        hook: NFTHook? = nil,
        rules: [NFTRule],
        title: String? = nil
    ) {
        self.name = name
        self.hook = hook
        self.rules = rules
        self.title = title
    }
}

extension NFTChain: Equatable {
    package static func == (left: NFTChain, right: NFTChain) -> Bool {
        left.name == right.name && left.hook == right.hook && left.rules == right.rules
    }
}
