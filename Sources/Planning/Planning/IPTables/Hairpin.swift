import Addressing
import DataplaneModel

/// One rule for every endpoint that is its own client, in place of a chain per endpoint or a set.
enum Hairpin {
    /// Non-zero if source and destination address are the same; runs on the network header.
    ///
    /// After translation that means an endpoint was sent back to itself, and would take its own
    /// packet for a forged one unless its source changes.
    static func sourceIsDestination(_ family: IPFamily) -> [BPFInstruction] {
        let (source, words): (UInt32, UInt32) = family == .ipv4 ? (12, 1) : (8, 4)
        let destination = source + 4 * words
        var program: [BPFInstruction] = []
        for word in 0..<words {
            // Each word is four instructions; a difference jumps to the last of all.
            let toMismatch = UInt8(4 * (words - 1 - word) + 1)
            program.append(BPFInstruction(Self.loadWord, operand: source + 4 * word))
            program.append(BPFInstruction(Self.copyToX, operand: 0))
            program.append(BPFInstruction(Self.loadWord, operand: destination + 4 * word))
            program.append(
                BPFInstruction(Self.jumpIfEqualX, jumpFalse: toMismatch, operand: 0)
            )
        }
        program.append(BPFInstruction(Self.returnConstant, operand: 1))
        program.append(BPFInstruction(Self.returnConstant, operand: 0))
        return program
    }

    // linux/bpf_common.h: BPF_LD|BPF_W|BPF_ABS, BPF_MISC|BPF_TAX, BPF_JMP|BPF_JEQ|BPF_X,
    // BPF_RET|BPF_K.
    private static let loadWord: UInt16 = 0x20
    private static let copyToX: UInt16 = 0x07
    private static let jumpIfEqualX: UInt16 = 0x1d
    private static let returnConstant: UInt16 = 0x06
}
