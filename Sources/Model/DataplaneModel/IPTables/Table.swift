/// A user-defined chain and its rules.
package struct Chain: Sendable {
    package var name: ChainName
    package var rules: [Rule]
    /// What the chain is for, in words a person knows (`default/web:http`); shown in plans, not
    /// kept by the kernel and so no part of equality.
    package var title: String?

    package init(_ name: ChainName, rules: [Rule], title: String? = nil) {
        self.name = name
        self.rules = rules
        self.title = title
    }
}

extension Chain: Equatable {
    package static func == (left: Chain, right: Chain) -> Bool {
        left.name == right.name && left.rules == right.rules
    }
}

/// A rule in a built-in chain that leads into one of our chains.
package struct Jump: Sendable, Hashable {
    package var from: BuiltinChain
    package var rule: Rule

    package init(from: BuiltinChain, rule: Rule) {
        self.from = from
        self.rule = rule
    }
}

/// Our part of one table: chains of our own and the jumps that lead into them.
package struct OwnedTable: Sendable, Equatable {
    package var chains: [ChainName: Chain]
    /// In the order in which they stand in each built-in chain.
    package var jumps: [Jump]

    package init(chains: [ChainName: Chain] = [:], jumps: [Jump] = []) {
        self.chains = chains
        self.jumps = jumps
    }

    /// Chains in the order of their names, the order the kernel's readers want.
    package var sortedChains: [Chain] {
        chains.values.sorted { $0.name < $1.name }
    }
}

/// All that Fairlead owns in legacy iptables for one family: wanted (a plan) or observed.
package struct IPTablesState: Sendable, Equatable {
    package var filter: OwnedTable
    package var mangle: OwnedTable
    package var nat: OwnedTable

    package init(
        filter: OwnedTable = OwnedTable(),
        mangle: OwnedTable = OwnedTable(),
        nat: OwnedTable = OwnedTable()
    ) {
        self.filter = filter
        self.mangle = mangle
        self.nat = nat
    }

    package subscript(table: TableName) -> OwnedTable {
        get {
            switch table {
            case .filter: filter
            case .mangle: mangle
            case .nat: nat
            }
        }
        set {
            switch table {
            case .filter: filter = newValue
            case .mangle: mangle = newValue
            case .nat: nat = newValue
            }
        }
    }
}
