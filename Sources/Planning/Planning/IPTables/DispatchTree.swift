import Addressing
import DataplaneModel

/// Chains that lead a packet to the rule for its destination in a handful of steps, however many
/// destinations there are.
///
/// A chain holds at most `leafCapacity` rules of its own, or else one rule for each of up to eight
/// ranges of destinations. The shape is a pure function of the keys: a sorted array *is* the tree,
/// a node is a range of it, and nothing else is stored. So the result does not depend on history,
/// and a change touches the chains on one path only.
struct DispatchTree {
    /// How many rules a chain may hold before it branches; equal to the fan-out (measured, see
    /// docs/iptables-layout.md).
    static let leafCapacity = 8

    let family: IPFamily
    let levels: DispatchLevels
    /// Goes in front of the range in chain names, to keep two trees of one table apart.
    let label: String
    private let root: RootChain
    private(set) var keys: [DispatchKey] = []
    private var rules: [DispatchKey: Rule] = [:]

    /// The chain where dispatch starts and what else it holds.
    struct RootChain {
        var name: ChainName
        var title: String
        var epilogue: [Rule] = []
    }

    /// Without addresses the keys are ports alone.
    init(family: IPFamily, hasAddresses: Bool, label: String = "", root: RootChain) {
        self.family = family
        levels = DispatchLevels(addressWidth: hasAddresses ? family.bitWidth : 0)
        self.label = label
        self.root = root
    }

    /// The rule for such packets; nil if there is none.
    subscript(key: DispatchKey) -> Rule? { rules[key] }

    /// The root of an empty tree, which is there from the start.
    var initialChains: [Chain] { [chain(Node(range: 0..<0, isRoot: true), of: [])] }

    /// Sets (or with nil removes) rules and returns every chain that may differ now; nil for those
    /// that are gone.
    mutating func update(_ changes: [DispatchKey: Rule?]) -> [ChainName: Chain?] {
        let changed = changes.compactMap { rules[$0.key] != $0.value ? $0.key : nil }.sorted()
        guard !changed.isEmpty else { return [:] }
        let old = keys
        rules.reserveCapacity(rules.count + changed.count)
        for key in changed { rules[key] = changes[key] ?? nil }
        keys = Self.merge(old, changed) { rules[$0] != nil }

        var result: [ChainName: Chain?] = [:]
        visit(Node(range: 0..<keys.count, isRoot: true), of: keys, other: old, changed: changed) {
            let chain = chain($0, of: keys)
            result[chain.name] = .some(chain)
        }
        visit(Node(range: 0..<old.count, isRoot: true), of: old, other: keys, changed: changed) {
            node in
            let name = name(node, of: old)
            guard result[name] == nil else { return }
            // An old node that was not visited in the new tree is gone, or stands there unchanged.
            if find(node, from: old) == nil { result[name] = .some(nil) }
        }
        return result
    }

    // MARK: - Nodes

    /// A range of the key array that has a chain.
    private struct Node {
        var range: Range<Int>
        var isRoot = false

        var isLeaf: Bool { range.count <= DispatchTree.leafCapacity }
    }

    private func cut(_ node: Node, of keys: [DispatchKey]) -> Int {
        levels.commonCut(keys[node.range.lowerBound], keys[node.range.upperBound - 1])
    }

    /// The children of a branch: maximal runs of keys that agree up to the cut behind its own.
    private func groups(_ node: Node, of keys: [DispatchKey]) -> [Range<Int>] {
        let length = levels.cuts[cut(node, of: keys) + 1]
        var groups: [Range<Int>] = []
        var start = node.range.lowerBound
        while start < node.range.upperBound {
            let highest = levels.bounds(keys[start], length: length).highest
            let end = keys.partitionPoint(in: start..<node.range.upperBound) { $0 > highest }
            groups.append(start..<end)
            start = end
        }
        return groups
    }

    /// Calls `body` for each node of `keys` that `changed` may have altered, created or (with the
    /// roles of the arrays exchanged) removed.
    private func visit(
        _ node: Node,
        of keys: [DispatchKey],
        other: [DispatchKey],
        changed: [DispatchKey],
        all: Bool = false,
        _ body: (Node) -> Void
    ) {
        guard node.isRoot || node.range.count > 1 else { return }
        body(node)
        guard !node.isLeaf else { return }
        let cut = cut(node, of: keys)
        let bounds = levels.bounds(keys[node.range.lowerBound], length: levels.cuts[cut])
        // Where the other tree had no more than a leaf, every chain below is new.
        let all = all || other.count(from: bounds.lowest, to: bounds.highest) <= Self.leafCapacity
        // A child may have been the other tree's root, whose chain has another name.
        let rootMoved =
            node.isRoot
            && other.first.map { first in
                levels.commonCut(first, other[other.count - 1]) != cut
            } ?? true
        for group in groups(node, of: keys) {
            let range = levels.bounds(keys[group.lowerBound], length: levels.cuts[cut + 1])
            guard
                all || rootMoved || changed.count(from: range.lowest, to: range.highest) > 0
            else { continue }
            visit(Node(range: group), of: keys, other: other, changed: changed, all: all, body)
        }
    }

    /// The node of the present tree that has the same chain as `node` of an earlier key array.
    private func find(_ node: Node, from old: [DispatchKey]) -> Node? {
        if node.isRoot { return Node(range: 0..<keys.count, isRoot: true) }
        let wanted = levels.bounds(
            old[node.range.lowerBound],
            length: levels.cuts[cut(node, of: old)]
        )
        var current = Node(range: 0..<keys.count, isRoot: true)
        while !current.isLeaf {
            let next = groups(current, of: keys).first { group in
                let range = levels.bounds(
                    keys[group.lowerBound],
                    length: levels.cuts[cut(current, of: keys) + 1]
                )
                return range.lowest <= wanted.lowest && wanted.highest <= range.highest
            }
            guard let next, next.count > 1 else { return nil }
            current = Node(range: next)
            let present = levels.bounds(
                keys[next.lowerBound],
                length: levels.cuts[cut(current, of: keys)]
            )
            if present == wanted { return current }
        }
        return nil
    }

    private static func merge(
        _ keys: [DispatchKey],
        _ changed: [DispatchKey],
        _ isPresent: (DispatchKey) -> Bool
    ) -> [DispatchKey] {
        var result: [DispatchKey] = []
        result.reserveCapacity(keys.count + changed.count)
        var start = 0
        for key in changed {
            let end = keys.partitionPoint(in: start..<keys.count) { $0 >= key }
            result += keys[start..<end]
            if isPresent(key) { result.append(key) }
            start = end < keys.count && keys[end] == key ? end + 1 : end
        }
        return result + keys[start...]
    }

    // MARK: - Chains

    private func chain(_ node: Node, of keys: [DispatchKey]) -> Chain {
        var rules = node.isLeaf ? entryRules(node, of: keys) : branchRules(node, of: keys)
        guard node.isRoot else {
            return Chain(name(node, of: keys), rules: rules, title: nil)
        }
        rules += root.epilogue
        return Chain(root.name, rules: rules, title: root.title)
    }

    private func entryRules(_ node: Node, of keys: [DispatchKey]) -> [Rule] {
        keys[node.range].map { entryRule($0, returns: node.isRoot) }
    }

    private func branchRules(_ node: Node, of keys: [DispatchKey]) -> [Rule] {
        // Behind a miss the root has more to say, and so have the ports of one address, whose
        // remainder comes last. Between addresses nothing can match after a miss: goto.
        let returns = node.isRoot || levels.cuts[cut(node, of: keys)] >= levels.addressWidth
        return groups(node, of: keys).map { group in
            if group.count == 1 { return entryRule(keys[group.lowerBound], returns: returns) }
            let child = Node(range: group)
            var rule = rangeRule(child, of: keys)
            let name = name(child, of: keys)
            rule.target = returns ? .jump(name) : .goto(name)
            return rule
        }
    }

    private func entryRule(_ key: DispatchKey, returns: Bool) -> Rule {
        guard var rule = rules[key] else { preconditionFailure("key without a rule") }
        if returns, case .goto(let chain) = rule.target { rule.target = .jump(chain) }
        return rule
    }

    /// Matches exactly the node's range of destinations.
    private func rangeRule(_ node: Node, of keys: [DispatchKey]) -> Rule {
        let key = keys[node.range.lowerBound]
        let length = levels.cuts[cut(node, of: keys)]
        var rule = Rule(target: .returnToCaller)
        if levels.addressWidth > 0 {
            let address = IPAddress(family: family, bits: key.address)
            rule.destination = PrefixMatch(
                IPPrefix(address, length: min(length, levels.addressWidth))
            )
        }
        guard length > levels.addressWidth, let transport = key.transportProtocol else {
            return rule
        }
        rule.transport = transport
        if length > levels.addressWidth + 2 {
            rule.matches = [.destinationPort(transport, ports(key, length: length))]
        }
        return rule
    }

    private func ports(_ key: DispatchKey, length: Int) -> ClosedRange<UInt16> {
        let bounds = levels.bounds(key, length: length)
        return bounds.lowest.port...bounds.highest.port
    }

    private func name(_ node: Node, of keys: [DispatchKey]) -> ChainName {
        if node.isRoot { return root.name }
        let key = keys[node.range.lowerBound]
        let length = levels.cuts[cut(node, of: keys)]
        var parts = label.isEmpty ? [] : [label]
        if levels.addressWidth > 0 {
            let address = IPAddress(family: family, bits: key.address)
            let prefix = IPPrefix(address, length: min(length, levels.addressWidth))
            parts.append(prefix.isSingleAddress ? "\(address)" : "\(prefix)")
        }
        if length > levels.addressWidth {
            parts.append(key.transportProtocol?.keyword ?? "any")
        }
        if length > levels.addressWidth + 2 {
            let ports = ports(key, length: length)
            parts.append("\(ports.lowerBound)-\(ports.upperBound)")
        }
        return NameScheme.dispatchChain(parts.joined(separator: "-"))
    }
}

extension [DispatchKey] {
    /// The first index in `range` of this sorted array at which `isBehind` holds; it must go on
    /// holding from there.
    fileprivate func partitionPoint(
        in range: Range<Int>,
        _ isBehind: (DispatchKey) -> Bool
    ) -> Int {
        var low = range.lowerBound
        var high = range.upperBound
        while low < high {
            let middle = (low + high) / 2
            if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// How many keys of this sorted array lie in `lowest`...`highest`.
    fileprivate func count(from lowest: DispatchKey, to highest: DispatchKey) -> Int {
        let start = partitionPoint(in: 0..<count) { $0 >= lowest }
        return partitionPoint(in: start..<count) { $0 > highest } - start
    }
}
