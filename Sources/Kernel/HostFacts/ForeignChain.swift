/// The program that manages a chain's table, and so how to change the chain.
package enum ForeignManager: Equatable {
    /// The legacy tables, by `program`.
    case legacy(program: String)
    /// A table that iptables-nft can read, by `program`. A native nft rule in it would make the whole
    /// table unreadable for iptables: `iptables-save` (1.8.9, 1.8.11) then prints a comment and
    /// succeeds.
    case iptablesNFT(program: String)
    case firewalld
    /// A ruleset written for nft.
    case nftables

    var name: String {
        switch self {
        case .legacy(let program): program
        case .iptablesNFT: "iptables-nft"
        case .firewalld: "firewalld"
        case .nftables: "nftables"
        }
    }
}

/// A base chain of another program.
package struct ForeignChain: Equatable {
    package var manager: ForeignManager
    package var name: String
    /// As nft names the chain: `inet host forward`.
    package var place: String

    package init(manager: ForeignManager, name: String, place: String) {
        self.manager = manager
        self.name = name
        self.place = place
    }

    /// For a finding.
    package var subject: String { "\(place) (\(manager.name))" }
}
