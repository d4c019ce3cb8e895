/// The name of a chain of our table: 1 to 255 bytes (`NFT_NAME_MAXLEN` - 1), a word of nft's language.
package struct NFTChainName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let text: String

    /// The name must fit; that is the naming scheme's duty, so it is asserted.
    package init(_ text: String) {
        assert((1...255).contains(text.utf8.count), "chain name \(text)")
        self.text = text
    }

    package var description: String { text }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}

/// The name of a set or map of our table: 1 to 255 bytes, a word of nft's language.
package struct NFTSetName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let text: String

    /// The name must fit; that is the naming scheme's duty, so it is asserted.
    package init(_ text: String) {
        assert((1...255).contains(text.utf8.count), "set name \(text)")
        self.text = text
    }

    package var description: String { text }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}
