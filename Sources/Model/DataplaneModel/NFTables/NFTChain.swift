/// One rule: its statements in order.
package struct NFTRule: Sendable {
    package var statements: [NFTStatement]
    /// The purpose of the rule; shown in plans but not stored in the kernel, so not part of
    /// equality.
    package var title: String?

    package init(_ statements: NFTStatement..., title: String? = nil) {
        self.init(statements, title: title)
    }

    /// Drops the `*` after an interface name of full length: no longer name can begin with it, and
    /// neither nft nor the kernel can express it.
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

/// The netfilter hook that calls a chain.
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
    /// Chains with lower numbers are called first.
    package var priority: Int32
    /// The chain's policy: drop, otherwise accept.
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
    /// For a base chain; nil for a chain reached only from rules.
    package var hook: NFTHook?
    package var rules: [NFTRule]
    /// The purpose of the chain; shown in plans but not stored in the kernel, so not part of
    /// equality.
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
