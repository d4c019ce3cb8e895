import Addressing
import DataplaneModel
import TestSupport

/// Rules of every shape that can be encoded, the same ones for the same seed.
struct RandomRules {
    let family: IPFamily
    private var generator: SplitMix64

    init(family: IPFamily, seed: UInt64) {
        self.family = family
        generator = SplitMix64(seed: seed)
    }

    mutating func next() -> Rule {
        let transport =
            chance(2) ? TransportProtocol.allCases.randomElement(using: &generator) : nil
        let matches = (0..<number(5)).map { _ in match(transport) }
        return Rule(
            source: chance(3) ? prefix() : nil,
            destination: chance(2) ? prefix() : nil,
            inInterface: chance(4) ? interface() : nil,
            outInterface: chance(4) ? interface() : nil,
            transport: transport,
            matches: matches,
            target: target(transport)
        )
    }

    private mutating func chance(_ oneIn: Int) -> Bool { number(oneIn) == 0 }

    private mutating func number(_ limit: Int) -> Int {
        Int.random(in: 0..<limit, using: &generator)
    }

    private mutating func uint32() -> UInt32 {
        UInt32.random(in: 0...UInt32.max, using: &generator)
    }

    private mutating func address() -> IPAddress {
        let bits = UInt128(generator.next()) << 64 | UInt128(generator.next())
        return IPAddress(family: family, bits: bits)
    }

    private mutating func prefix() -> PrefixMatch {
        let inverted = chance(3)
        let length = number(family.bitWidth + 1)
        let range = IPPrefix(address(), length: inverted ? length : max(1, length))
        return PrefixMatch(range, inverted: inverted)
    }

    private mutating func word(_ longest: Int) -> String {
        let letters = Array("abcXYZ019._-")
        return String((0...number(longest)).map { _ in letters[number(letters.count)] })
    }

    private mutating func interface() -> InterfaceMatch {
        InterfaceMatch(word(15), isPrefix: chance(2), inverted: chance(2))
    }

    private mutating func mark() -> PacketMark { PacketMark(value: uint32(), mask: uint32()) }

    private mutating func match(_ transport: TransportProtocol?) -> Match {
        switch number(transport == nil ? 11 : 12) {
        case 0: return .connectionState(states(), inverted: chance(2))
        case 1: return .mark(mark(), inverted: chance(2))
        case 2: return .sourceIsLocal(inverted: chance(2))
        case 3: return .destinationIsLocal(inverted: chance(2))
        case 4: return .random(Probability(units: uint32()))
        case 5: return .recent(RecentMatch(.set, list: word(199)))
        case 6:
            return .recent(RecentMatch(.update(seconds: max(1, uint32())), list: word(199)))
        case 7: return .bpf((0...number(64)).map { _ in instruction() })
        case 8: return .comment(word(255))
        case 9: return .set(setName(), dimensions(), inverted: chance(2))
        case 10: return .ipvs(inverted: chance(2))
        default:
            let low = UInt16(number(65536))
            let high = UInt16.random(in: low...UInt16.max, using: &generator)
            return .destinationPort(transport ?? .tcp, low...high)
        }
    }

    private mutating func setName() -> IPSetName {
        RuleCatalogue.setNames[number(RuleCatalogue.setNames.count)]
    }

    private mutating func dimensions() -> [SetDimension] {
        (0...number(6)).map { _ in chance(2) ? .source : .destination }
    }

    private mutating func states() -> ConnectionState {
        ConnectionState(rawValue: UInt16.random(in: 1...UInt16.max, using: &generator))
    }

    private mutating func instruction() -> BPFInstruction {
        BPFInstruction(
            UInt16(number(65536)),
            jumpTrue: UInt8(number(256)),
            jumpFalse: UInt8(number(256)),
            operand: uint32()
        )
    }

    private mutating func target(_ transport: TransportProtocol?) -> Target {
        switch number(transport == nil ? 9 : 10) {
        case 0: return .accept
        case 1: return .drop
        case 2: return .returnToCaller
        case 3: return .jump(ChainName("CHAIN-" + word(20)))
        case 4: return .goto(ChainName("CHAIN-" + word(20)))
        case 5: return .masquerade
        case 6: return .mark(mark())
        case 7: return .reject
        case 8: return .markFromSet(setName(), dimensions())
        default:
            guard let port = PortNumber(1 + number(65535)) else { return .reject }
            return .destinationNAT(SocketAddress(address(), port))
        }
    }
}
