import Addressing
import DataplaneModel
import TestSupport
import Testing

@testable import XTables

/// Tables whose bytes contradict each other: sizes, offsets, counts and jumps.
@Suite("A table that lies")
@KernelThread
struct LyingTableTests {
    private static let rules = """
        *nat
        :TEST-A - [0:0]
        :TEST-B - [0:0]
        -A POSTROUTING -j TEST-A
        -A TEST-A -p tcp -m tcp --dport 80 -j TEST-B
        -A TEST-A -m statistic --mode random --probability 0.5 -j RETURN
        -A TEST-A -p udp
        -A TEST-B -m comment --comment text -m mark --mark 1 -j MASQUERADE
        COMMIT

        """

    @Test("Is refused or read, whatever it says", arguments: IPFamily.allCases)
    func anyBytes(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        try fixture.restore(Self.rules)
        guard let truth = try TableImage.read(.nat, family) else {
            Issue.record("The table has another layout than libiptc's.")
            return
        }
        var generator = SplitMix64(seed: 1)
        var refused = 0
        for _ in 0..<20_000 {
            var info = truth.info
            let bytes = try copy(truth, size: truth.size)
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                spoil(bytes, truth.size, &info, &generator)
            }
            guard let image = TableImage.of(bytes, .nat, family, info) else {
                refused += 1
                continue
            }
            read(image, RuleCodec(family: family))
        }
        // Much of a table may be anything, such as addresses and counters.
        #expect((1000..<19_000).contains(refused))
    }

    @Test("Is refused if it ends anywhere before its end", arguments: IPFamily.allCases)
    func cutOff(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        try fixture.restore(Self.rules)
        guard let truth = try TableImage.read(.nat, family) else {
            Issue.record("The table has another layout than libiptc's.")
            return
        }
        for size in 0..<truth.size {
            var info = truth.info
            info.size = UInt32(size)
            let bytes = try copy(truth, size: size)
            let isRefused = TableImage.of(bytes, .nat, family, info) == nil
            #expect(isRefused)
        }
    }

    @Test("Is refused if its last entry leaves bytes behind it", arguments: IPFamily.allCases)
    func earlyEnd(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        try fixture.restore(Self.rules)
        guard let truth = try TableImage.read(.nat, family) else {
            Issue.record("The table has another layout than libiptc's.")
            return
        }
        // A verdict in place of the error, which is longer.
        let bytes = try copy(truth, size: truth.size)
        let target = TableImage.start + truth.end + truth.layout.size
        bytes.store(UInt16(ImageEntry.standardTargetSize), at: target)
        bytes.store(UInt8(0), at: target + 2)
        bytes.store(ImageEntry.returns, at: target + 32)
        let size = truth.layout.size + ImageEntry.standardTargetSize
        bytes.store(
            UInt16(size),
            at: TableImage.start + truth.end + truth.layout.nextOffset
        )
        let isRefused = TableImage.of(bytes, .nat, family, truth.info) == nil
        #expect(isRefused)
    }

    private func copy(_ image: borrowing TableImage, size: Int) throws -> TableBytes {
        let bytes = try TableBytes(capacity: TableImage.start + size)
        bytes.copy(TableImage.start + size, from: image.bytes, at: 0, to: 0)
        return bytes
    }

    /// Changes one number: a small one, a large one, or one that is nearly right.
    private func spoil(
        _ bytes: borrowing TableBytes,
        _ size: Int,
        _ info: inout TableFingerprint,
        _ generator: inout SplitMix64
    ) {
        let place = TableImage.start + Int.random(in: 0...(size - 4), using: &generator)
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: bytes.store(UInt8.random(in: 0...255, using: &generator), at: place)
        case 1: bytes.store(UInt16.random(in: 0...1024, using: &generator), at: place)
        case 2: bytes.store(UInt32.random(in: 0 ... .max, using: &generator), at: place)
        case 3: bytes.store(UInt32(Int.random(in: 0...size, using: &generator)), at: place & ~3)
        case 4:
            let near = bytes.load(UInt16.self, at: place & ~1)
            bytes.store(near &+ UInt16.random(in: 0...16, using: &generator) &- 8, at: place & ~1)
        default:
            let hook = Int.random(in: 0..<5, using: &generator)
            info.underflows[hook] = UInt32.random(in: 0...UInt32(size), using: &generator)
        }
    }

    /// As the store and the next change read it.
    private func read(_ image: borrowing TableImage, _ codec: RuleCodec) {
        var entry = RuleEntry()
        for index in image.chains.indices {
            for place in image.rules(of: image.chains[index]) {
                image.read(place, into: &entry)
                _ = codec.decode(entry)
            }
        }
        guard var packed = image.packed() else { return }
        let size = image.size
        let isSettled = packed.settle()
        #expect(isSettled)
        // Gaps between rules are not kept. The kept table then differs from the kernel's, which is read anew.
        #expect(packed.fingerprint.size <= UInt32(size))
        for chain in packed.chains { #expect(chain.entries.links.count == Int(chain.entryCount)) }
    }
}
