/// The tables of legacy iptables that a proxy writes.
package enum TableName: String, Sendable, Hashable, CaseIterable, Comparable {
    case filter
    case mangle
    case nat

    /// `filter` first: its rules only see packets that `nat` did not translate, so it may run
    /// ahead.
    package static func < (left: TableName, right: TableName) -> Bool {
        left.rank < right.rank
    }

    private var rank: Int {
        switch self {
        case .filter: 0
        case .mangle: 1
        case .nat: 2
        }
    }
}

/// The kernel's own chains, one per netfilter hook.
package enum BuiltinChain: String, Sendable, Hashable, CaseIterable, Comparable {
    case prerouting = "PREROUTING"
    case input = "INPUT"
    case forward = "FORWARD"
    case output = "OUTPUT"
    case postrouting = "POSTROUTING"

    package static func < (left: BuiltinChain, right: BuiltinChain) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// The name of a user-defined chain: 1 to 28 bytes of ASCII (`XT_EXTENSION_MAXNAMELEN` - 1).
package struct ChainName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package static let maximumLength = 28

    package let text: String

    /// The name must fit and contain no blanks. The naming scheme guarantees this, so it is only
    /// asserted.
    package init(_ text: String) {
        assert((1...Self.maximumLength).contains(text.utf8.count), "chain name \(text)")
        self.text = text
    }

    package var description: String { text }

    package static func < (left: ChainName, right: ChainName) -> Bool { left.text < right.text }
}
