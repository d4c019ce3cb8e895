/// The name of a chain of Fairlead's table: 1 to 255 bytes (`NFT_NAME_MAXLEN` - 1), an identifier
/// of nft's language.
package struct NFTChainName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let text: String

    /// The name must fit. The naming scheme guarantees this, so it is only asserted.
    package init(_ text: String) {
        assert((1...255).contains(text.utf8.count), "chain name \(text)")
        self.text = text
    }

    package var description: String { text }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}

/// The name of a set or map of Fairlead's table: 1 to 255 bytes, an identifier of nft's language.
package struct NFTSetName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let text: String

    /// The name must fit. The naming scheme guarantees this, so it is only asserted.
    package init(_ text: String) {
        assert((1...255).contains(text.utf8.count), "set name \(text)")
        self.text = text
    }

    package var description: String { text }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}
