import Addressing
import DataplaneModel

/// The result of looking up a key in a set.
enum NFTAnswer: Hashable {
    case found(NFTData)
    case absent
    /// Undecidable, with the reason.
    case unknown(String)
}

extension NFTSet {
    /// Whether its keys have these fields.
    func fits(_ key: NFTKey) -> Bool {
        shape.key.map { $0.width(key.family) } == key.fields.map { $0.width(key.family) }
    }

    /// All results, each with its fraction of the choices that the key leaves open.
    func answers(to key: NFTKey) -> [(answer: NFTAnswer, fraction: Double)] {
        if let doubt = key.doubt { return [(holdsMatch(of: key) ? .unknown(doubt) : .absent, 1)] }
        var counts: [NFTAnswer: Int] = [:]
        var order: [NFTAnswer] = []
        var total = 0
        for data in shape.isInterval ? dataInRanges(for: key) : key.values().map({ elements[$0] }) {
            let answer = data.map { NFTAnswer.found($0) } ?? missing
            if counts[answer] == nil { order.append(answer) }
            counts[answer, default: 0] += 1
            total += 1
        }
        if order.isEmpty { return [(.absent, 1)] }
        return order.map { ($0, Double(counts[$0] ?? 0) / Double(total)) }
    }

    private var missing: NFTAnswer {
        isOpaque ? .unknown("\(name) contains unsupported elements") : .absent
    }

    /// The smallest range wins.
    private func dataInRanges(for key: NFTKey) -> [NFTData?] {
        guard case .known(let bits)? = key.parts.last else { return [nil] }
        let address = IPAddress(family: key.family, bits: bits)
        return key.values(droppingLast: 1).map { head in
            for length in stride(from: key.family.bitWidth, through: 0, by: -1) {
                if let data = elements[head.appending(IPPrefix(address, length: length))] {
                    return data
                }
            }
            return nil
        }
    }

    /// Whether some element matches the known part of the key.
    private func holdsMatch(of key: NFTKey) -> Bool {
        if isOpaque { return true }
        let widths = key.fields.map { $0.width(key.family) }
        var known: [(bits: UInt128, offset: Int, width: Int)] = []
        var offset = 0
        for (part, width) in zip(key.parts, widths).reversed() {
            if case .known(let bits) = part { known.append((bits, offset, width)) }
            offset += width
        }
        return elements.keys.contains { element in
            known.allSatisfy { part in
                // Only the last field may be a range.
                let free = part.offset == 0 ? UInt128(element.freeBits) : 0
                let bits = element.bits(at: part.offset, width: part.width)
                return bits >> free == part.bits >> free
            }
        }
    }
}
