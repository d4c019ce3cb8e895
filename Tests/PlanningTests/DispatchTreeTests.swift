import Addressing
import DataplaneModel
import TestSupport
import Testing

@testable import Planning

@Suite struct DispatchTreeTests {
    private static func tree(_ family: IPFamily, hasAddresses: Bool = true) -> DispatchTree {
        DispatchTree(
            family: family,
            hasAddresses: hasAddresses,
            label: hasAddresses ? "" : "NP",
            root: .init(
                name: ChainName("FAIRLEAD-SERVICES"),
                title: "root",
                epilogue: [Rule(target: .jump(ChainName("FAIRLEAD-TAIL")))]
            )
        )
    }

    /// A rule that is found by its destination NAT target.
    private static func rule(_ key: DispatchKey, _ family: IPFamily, addresses: Bool) -> Rule {
        var rule = Rule(
            target: .goto(ChainName("FAIRLEAD-X\(key.address % 1000)-\(key.transport)"))
        )
        if addresses {
            rule.destination = PrefixMatch(IPAddress(family: family, bits: key.address))
        }
        if let transport = key.transportProtocol {
            rule.transport = transport
            rule.matches = [.destinationPort(transport, key.port...key.port)]
        }
        return rule
    }

    /// A small pool, so that random keys meet at every level.
    private static func randomKey(
        _ family: IPFamily,
        addresses: Bool,
        _ random: inout some RandomNumberGenerator
    ) -> DispatchKey {
        var bits: UInt128 = 0
        if addresses {
            let base: UInt128 = family == .ipv4 ? 0x0a60_0000 : 0xfd00_0096 << 96
            let spread = [0xf, 0xff, 0xffff, 0xf_ffff].randomElement(using: &random) ?? 0xf
            bits = base + UInt128(Int.random(in: 0...spread, using: &random))
            if Int.random(in: 0..<10, using: &random) == 0 { bits ^= 0x0600_0000 }
        }
        let transport: UInt32 =
            switch Int.random(in: 0..<8, using: &random) {
            case 0 where addresses: DispatchKey.anyTransport
            case 1: 1 << 16 | UInt32.random(in: 50...60, using: &random)
            case 2: UInt32.random(in: 30000...30100, using: &random)
            default: UInt32.random(in: 80...90, using: &random)
            }
        return DispatchKey(address: bits, transport: transport)
    }

    @Test(
        "Any history of changes gives the chains that the last state gives at once",
        arguments: [(IPFamily.ipv4, true), (.ipv6, true), (.ipv4, false)],
        [1, 2, 3]
    )
    func historyDoesNotMatter(shape: (IPFamily, Bool), seed: UInt64) {
        let (family, addresses) = shape
        var random = SplitMix64(seed: seed)
        var tree = Self.tree(family, hasAddresses: addresses)
        var chains = Dictionary(uniqueKeysWithValues: tree.initialChains.map { ($0.name, $0) })
        var content: [DispatchKey: Rule] = [:]
        for step in 0..<400 {
            var changes: [DispatchKey: Rule?] = [:]
            let removing = step % 100 > 60
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                if removing, let key = content.keys.sorted().randomElement(using: &random) {
                    changes[key] = .some(nil)
                } else {
                    let key = Self.randomKey(family, addresses: addresses, &random)
                    changes[key] = .some(Self.rule(key, family, addresses: addresses))
                }
            }
            for (key, rule) in changes { content[key] = rule }
            for (name, chain) in tree.update(changes) { chains[name] = chain }

            var fresh = Self.tree(family, hasAddresses: addresses)
            var expected = Dictionary(
                uniqueKeysWithValues: fresh.initialChains.map { ($0.name, $0) }
            )
            for (name, chain) in fresh.update(content.mapValues { $0 }) { expected[name] = chain }
            guard chains == expected else {
                Issue.record("step \(step): \(chains.count) chains, expected \(expected.count)")
                return
            }
        }
    }

    @Test("A chain stays small and every destination is found within few rules")
    func boundedWork() {
        var random = SplitMix64(seed: 7)
        var tree = Self.tree(.ipv4)
        var changes: [DispatchKey: Rule?] = [:]
        for index in 0..<5000 {
            let key = DispatchKey(
                address: 0x0a60_0000 + UInt128(index * 13 % 0xf_ffff),
                transport: 80
            )
            changes[key] = .some(Self.rule(key, .ipv4, addresses: true))
        }
        let chains = tree.update(changes).compactMapValues { $0 }
        #expect(chains.values.allSatisfy { $0.rules.count <= 9 })
        for _ in 0..<100 {
            guard let key = changes.keys.randomElement(using: &random) else { continue }
            let tested = Self.rulesTested(for: key, in: chains)
            #expect(tested.found)
            #expect(tested.count <= 64)
        }
    }

    @Test("One more Service address changes the chains of its path only")
    func smallChanges() {
        var tree = Self.tree(.ipv4)
        var changes: [DispatchKey: Rule?] = [:]
        for index in 0..<5000 {
            let key = DispatchKey(address: 0x0a60_0000 + UInt128(index), transport: 80)
            changes[key] = .some(Self.rule(key, .ipv4, addresses: true))
        }
        _ = tree.update(changes)
        let key = DispatchKey(address: 0x0a60_0000 + 2500, transport: 443)
        let changed = tree.update([key: (Self.rule(key, .ipv4, addresses: true))])
        #expect(changed.count <= 16)
        #expect(tree.update([key: nil]).count <= 16)
        #expect(tree.update([key: nil]).isEmpty)
    }

    /// Walks the chains as the kernel would for a packet to `key`.
    private static func rulesTested(
        for key: DispatchKey,
        in chains: [ChainName: Chain]
    ) -> (found: Bool, count: Int) {
        var count = 0
        var name = ChainName("FAIRLEAD-SERVICES")
        next: while let chain = chains[name] {
            for rule in chain.rules {
                count += 1
                let address = IPAddress(family: .ipv4, bits: key.address)
                guard rule.destination?.prefix.contains(address) ?? true else { continue }
                guard case .jump(let target) = rule.target else {
                    if case .goto(let target) = rule.target {
                        name = target
                        continue next
                    }
                    continue
                }
                name = target
                continue next
            }
            return (false, count)
        }
        return (name.text.hasPrefix("FAIRLEAD-X"), count)
    }
}
