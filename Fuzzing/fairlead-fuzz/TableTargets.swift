import Addressing
import DataplaneModel

@testable import XTables

/// Legacy tables as the kernel hands them over.
let tableTargets = [
    FuzzTarget("legacy-table-ipv4") { readTable($0, .ipv4) },
    FuzzTarget("legacy-table-ipv6") { readTable($0, .ipv6) },
]

/// Eleven numbers of four bytes each, as `IPT_SO_GET_INFO` answers: hooks, number of entries, and two offsets a
/// hook less the unused one; then the entries.
private func readTable(_ data: [UInt8], _ family: IPFamily) {
    let numbers = 12
    guard data.count > 4 * numbers else { return }
    let info = (0..<numbers).map { index in
        data[(4 * index)..<(4 * index + 4)].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }
    let entries = Array(data.dropFirst(4 * numbers))
    let fingerprint = TableFingerprint(
        hooks: info[0],
        size: entries.count,
        entries: Int(info[1]),
        hookEntries: Array(info[2..<7]),
        underflows: Array(info[7..<12])
    )
    guard let bytes = try? TableBytes(capacity: TableImage.start + entries.count) else { return }
    bytes.copy(entries, to: TableImage.start)
    guard let image = TableImage.of(bytes, .nat, family, fingerprint) else { return }
    readRules(of: image, family)
    packAndUnpack(image)
}

private func readRules(of image: borrowing TableImage, _ family: IPFamily) {
    let sets = SetIndexes([IPSetName("fairlead"): 1])
    let codec = RuleCodec(family: family, sets: sets)
    var entry = RuleEntry()
    for index in image.chains.indices {
        for place in image.rules(of: image.chains[index]) {
            _ = image.targetName(ofRuleAt: place)
            image.read(place, into: &entry)
            _ = codec.decode(entry)
        }
    }
}

/// What is kept of a table can be written again, with as many bytes.
private func packAndUnpack(_ image: borrowing TableImage) {
    guard var packed = image.packed() else { return }
    let size = image.size
    precondition(packed.settle(), "a table that was read is too large")
    precondition(packed.fingerprint.size == UInt32(size), "packed, a table has another size")
    for chain in packed.chains {
        let entries = chain.entries
        precondition(entries.links.count == Int(chain.entryCount))
        chain.forEachJump { _ = packed.name(of: $0) }
    }
    let output = try? TableOutput(packed, image.layout)
    precondition(output != nil, "a table that was read cannot be written")
}
