/// One of the sixteen 32-bit words in which a rule's expressions keep values; a longer value also uses
/// the words behind it (`NFT_REG32_00` and following).
struct NFTRegister: Hashable {
    /// 0 to 15.
    var word: Int

    init(word: Int) {
        self.word = word
    }

    /// The register of keys.
    static let first = NFTRegister(word: 0)

    /// The number in messages: that of the register of four words that begins here, if there is one, as
    /// the kernel reports it so.
    var number: UInt32 { UInt32(word % 4 == 0 ? word / 4 + 1 : word + 8) }

    /// Nil for the verdict register, and for numbers that are not a register.
    init?(number: UInt32) {
        switch number {
        case 1...4: self.init(word: Int(number - 1) * 4)
        case 8...23: self.init(word: Int(number - 8))
        default: return nil
        }
    }

    func advanced(by words: Int) -> NFTRegister { NFTRegister(word: word + words) }
}
