/// A user-defined chain and its rules.
package struct Chain: Sendable {
    package var name: ChainName
    package var rules: [Rule]
    /// The purpose of the chain in readable form (`default/web:http`); shown in plans but not
    /// stored in the kernel, so not part of equality.
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

/// A rule in a built-in chain that jumps to one of Fairlead's chains.
package struct Jump: Sendable, Hashable {
    package var from: BuiltinChain
    package var rule: Rule

    package init(from: BuiltinChain, rule: Rule) {
        self.from = from
        self.rule = rule
    }
}

/// Fairlead's part of one table: its chains and the jumps to them.
package struct OwnedTable: Sendable, Equatable {
    package var chains: [ChainName: Chain]
    /// In their order within each built-in chain.
    package var jumps: [Jump]

    package init(chains: [ChainName: Chain] = [:], jumps: [Jump] = []) {
        self.chains = chains
        self.jumps = jumps
    }

    /// Chains sorted by name, as the kernel's readers expect.
    package var sortedChains: [Chain] {
        chains.values.sorted { $0.name < $1.name }
    }
}

/// Everything Fairlead owns in legacy iptables for one family: desired (a plan) or observed.
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
