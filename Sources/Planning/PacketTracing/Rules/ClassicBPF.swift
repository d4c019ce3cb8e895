import DataplaneModel

/// Runs a classic BPF program over a packet with some unknown bytes.
///
/// Numbers and names are those of `linux/bpf_common.h`. Programs only jump forward, so a run always
/// ends.
struct ClassicBPF {
    /// The outcome of a run.
    enum Answer: Equatable {
        /// What the program returned.
        case value(UInt32)
        case undecidable(String)
    }

    private let program: [BPFInstruction]
    private let packet: [UInt8?]
    /// The registers; nil if the value depends on unknown bytes.
    private var accumulator: UInt32? = 0
    private var index: UInt32? = 0
    private var memory = [UInt32?](repeating: 0, count: 16)

    private init(_ program: [BPFInstruction], packet: [UInt8?]) {
        self.program = program
        self.packet = packet
    }

    static func run(_ program: [BPFInstruction], over packet: [UInt8?]) -> Answer {
        var machine = ClassicBPF(program, packet: packet)
        return machine.run()
    }

    /// The result of one instruction.
    private enum Step {
        case next
        case skip(Int)
        case end(Answer)
    }

    private mutating func run() -> Answer {
        var position = 0
        while position < program.count {
            switch step(program[position], at: position) {
            case .next: position += 1
            case .skip(let count): position += 1 + count
            case .end(let answer): return answer
            }
        }
        return .undecidable("the program runs past its end")
    }

    private mutating func step(_ instruction: BPFInstruction, at position: Int) -> Step {
        let operand = instruction.operand
        switch instruction.code & 0x07 {
        case 0x00: return load(instruction, at: position)
        case 0x01: return loadIndex(instruction, at: position)
        case 0x02, 0x03:
            guard instruction.code & 0xf8 == 0, operand < 16 else {
                return unsupported(instruction, at: position)
            }
            memory[Int(operand)] = instruction.code == 0x02 ? accumulator : index
            return .next
        case 0x04: return compute(instruction, at: position)
        case 0x05: return jump(instruction, at: position)
        case 0x06:
            switch instruction.code {
            case 0x06: return .end(.value(operand))
            case 0x16:
                return .end(accumulator.map { .value($0) } ?? .undecidable("it returns bytes"))
            default: return unsupported(instruction, at: position)
            }
        default:
            switch instruction.code {
            case 0x07: index = accumulator
            case 0x87: accumulator = index
            default: return unsupported(instruction, at: position)
            }
            return .next
        }
    }

    private func unsupported(_ instruction: BPFInstruction, at position: Int) -> Step {
        let code = String(instruction.code, radix: 16)
        return .end(.undecidable("instruction \(position) has the code 0x\(code)"))
    }

    /// `width` bytes from `offset` on, in network order; nil if some are unknown.
    private func bytes(at offset: UInt64, width: Int) -> UInt32? {
        guard offset + UInt64(width) <= UInt64(packet.count) else { return nil }
        var value: UInt32 = 0
        for byte in packet[Int(offset)..<Int(offset) + width] {
            guard let byte else { return nil }
            value = value << 8 | UInt32(byte)
        }
        return value
    }

    private mutating func load(_ instruction: BPFInstruction, at position: Int) -> Step {
        let widths: [UInt16: Int] = [0x00: 4, 0x08: 2, 0x10: 1]
        guard let width = widths[instruction.code & 0x18] else {
            return unsupported(instruction, at: position)
        }
        let operand = instruction.operand
        switch instruction.code & 0xe0 {
        case 0x00 where width == 4: accumulator = operand
        case 0x20 where operand < 0xfff0_0000:
            // Offsets from 0xfff00000 on select an extension or a lower header.
            accumulator = bytes(at: UInt64(operand), width: width)
        case 0x40 where operand < 0xfff0_0000:
            accumulator = index.flatMap { bytes(at: UInt64($0) + UInt64(operand), width: width) }
        case 0x60 where width == 4 && operand < 16: accumulator = memory[Int(operand)]
        case 0x80 where width == 4: accumulator = nil
        default: return unsupported(instruction, at: position)
        }
        return .next
    }

    private mutating func loadIndex(_ instruction: BPFInstruction, at position: Int) -> Step {
        let operand = instruction.operand
        switch instruction.code {
        case 0x01: index = operand
        case 0x61 where operand < 16: index = memory[Int(operand)]
        case 0x81: index = nil
        case 0xb1: index = bytes(at: UInt64(operand), width: 1).map { ($0 & 15) * 4 }
        default: return unsupported(instruction, at: position)
        }
        return .next
    }

    private mutating func compute(_ instruction: BPFInstruction, at position: Int) -> Step {
        let operation = instruction.code & 0xf0
        if operation == 0x80 {
            accumulator = accumulator.map { 0 &- $0 }
            return .next
        }
        guard let right = instruction.code & 0x08 == 0 ? instruction.operand : index,
            let left = accumulator
        else {
            accumulator = nil
            return .next
        }
        switch operation {
        case 0x00: accumulator = left &+ right
        case 0x10: accumulator = left &- right
        case 0x20: accumulator = left &* right
        // The kernel ends the program with 0 on a division by zero.
        case 0x30, 0x90:
            if right == 0 { return .end(.value(0)) }
            accumulator = operation == 0x30 ? left / right : left % right
        case 0x40: accumulator = left | right
        case 0x50: accumulator = left & right
        case 0x60 where right < 32: accumulator = left << right
        case 0x70 where right < 32: accumulator = left >> right
        case 0xa0: accumulator = left ^ right
        default: return unsupported(instruction, at: position)
        }
        return .next
    }

    private func jump(_ instruction: BPFInstruction, at position: Int) -> Step {
        let room = program.count - position
        if instruction.code == 0x05 {
            let distance = Int(instruction.operand)
            return distance < room ? .skip(distance) : unsupported(instruction, at: position)
        }
        let right = instruction.code & 0x08 == 0 ? instruction.operand : index
        guard let left = accumulator, let right else {
            return .end(.undecidable("instruction \(position) compares unknown bytes"))
        }
        let holds: Bool
        switch instruction.code & 0xf0 {
        case 0x10: holds = left == right
        case 0x20: holds = left > right
        case 0x30: holds = left >= right
        case 0x40: holds = left & right != 0
        default: return unsupported(instruction, at: position)
        }
        return .skip(Int(holds ? instruction.jumpTrue : instruction.jumpFalse))
    }
}
