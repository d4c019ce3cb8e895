/// The name of a chain of our table: 1 to 255 bytes (`NFT_NAME_MAXLEN` - 1).
package struct NFTChainName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let text: String

    /// The name must be a word of nft's language; that is the naming scheme's duty, so it is
    /// asserted.
    package init(_ text: String) {
        assert(isWord(text), "chain name \(text)")
        self.text = text
    }

    package var description: String { text }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}

/// The name of a set or map of our table: 1 to 255 bytes.
package struct NFTSetName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let text: String

    /// The name must be a word of nft's language; that is the naming scheme's duty, so it is
    /// asserted.
    package init(_ text: String) {
        assert(isWord(text), "set name \(text)")
        self.text = text
    }

    package var description: String { text }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}

/// A letter, then letters, digits and `_`, `-`, `.`, `/`.
private func isWord(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 255 else { return false }
    func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
    return isLetter(first)
        && text.utf8.allSatisfy {
            isLetter($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || "_-./".utf8.contains($0)
        }
}
