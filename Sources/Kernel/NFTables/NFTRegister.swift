/// One of the sixteen words in which a rule's expressions hold values; a value takes as many words
/// from there on as it needs (`NFT_REG32_00` and following).
struct NFTRegister: Hashable {
    /// 0 to 15.
    var word: Int

    init(word: Int) {
        self.word = word
    }

    /// Where keys begin.
    static let first = NFTRegister(word: 0)

    /// In messages: the older name of a group of four words where there is one, which is what the
    /// kernel answers.
    var number: UInt32 { UInt32(word % 4 == 0 ? word / 4 + 1 : word + 8) }

    /// Nil for the verdict's register or none.
    init?(number: UInt32) {
        switch number {
        case 1...4: self.init(word: Int(number - 1) * 4)
        case 8...23: self.init(word: Int(number - 8))
        default: return nil
        }
    }

    func advanced(by words: Int) -> NFTRegister { NFTRegister(word: word + words) }
}
