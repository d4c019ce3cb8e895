import CIPTables
import DataplaneModel
import HostFacts

extension TableRewrite {
    /// Puts the table together. False if a rule jumps to a chain that is neither there nor made.
    func compose(
        _ image: borrowing TableImage,
        _ output: inout TableOutput,
        _ entry: inout RuleEntry
    ) throws(DataplaneError) -> Bool {
        var bodies = [Int32](repeating: -1, count: image.chains.count)
        var newBodies = [Int32](repeating: -1, count: created.count)
        for index in image.chains.indices {
            guard let hook = image.chains[index].hook else { continue }
            output.beginHook(hook)
            guard try compose(index, image, &output, &entry, &bodies) else { return false }
        }
        var next = 0
        for index in image.sorted {
            let name = image.chains[index].name
            while next < created.count, created[next].name.text < name {
                guard try compose(new: next, image, &output, &entry, &newBodies) else {
                    return false
                }
                next += 1
            }
            guard try compose(index, image, &output, &entry, &bodies) else { return false }
        }
        while next < created.count {
            guard try compose(new: next, image, &output, &entry, &newBodies) else { return false }
            next += 1
        }
        let last = Int(image.info.entries) - 1
        output.copy(image.end..<image.size, firstEntry: last, count: 1)
        return try output.finish(from: image, bodies: bodies, newBodies: newBodies)
    }

    /// One chain of the image.
    private func compose(
        _ index: Int,
        _ image: borrowing TableImage,
        _ output: inout TableOutput,
        _ entry: inout RuleEntry,
        _ bodies: inout [Int32]
    ) throws(DataplaneError) -> Bool {
        let chain = image.chains[index]
        let edit = edits[index]
        if case .remove? = edit { return true }
        let headCount = chain.firstRule - chain.firstEntry
        output.copy(chain.head..<chain.body, firstEntry: chain.firstEntry, count: headCount)
        bodies[index] = Int32(output.size)
        switch edit {
        case nil:
            output.copy(
                chain.body..<chain.foot,
                firstEntry: chain.firstRule,
                count: chain.ruleCount
            )
        case .empty?, .remove?: break
        case .reorder(let items)?:
            for item in items {
                switch item {
                case .present(let place, let number):
                    let range = place..<(place + image.size(ofEntryAt: place))
                    output.copy(range, firstEntry: number, count: 1)
                case .new(let rule):
                    guard try append(rule, 0, chain.name, image, &output, &entry) else {
                        return false
                    }
                }
            }
        case .fill(let wanted, let head, let tail)?:
            let old = image.rules(of: chain)
            let headEnd = head < old.count ? old[head] : chain.foot
            output.copy(chain.body..<headEnd, firstEntry: chain.firstRule, count: head)
            let new = head..<(wanted.rules.count - tail)
            guard try append(new, of: wanted, image, &output, &entry) else { return false }
            if tail > 0 {
                let first = old.count - tail
                output.copy(
                    old[first]..<chain.foot,
                    firstEntry: chain.firstRule + first,
                    count: tail
                )
            }
        }
        if let hook = chain.hook { output.beginPolicy(hook) }
        let foot = chain.firstRule + chain.ruleCount
        output.copy(chain.foot..<chain.end, firstEntry: foot, count: 1)
        return true
    }

    /// One chain that the image lacks.
    private func compose(
        new index: Int,
        _ image: borrowing TableImage,
        _ output: inout TableOutput,
        _ entry: inout RuleEntry,
        _ newBodies: inout [Int32]
    ) throws(DataplaneError) -> Bool {
        let name = created[index].name.text
        try output.appendHead(name, &entry)
        newBodies[index] = Int32(output.size)
        let rules = created[index].rules.indices
        guard try append(rules, of: created[index], image, &output, &entry) else { return false }
        try output.appendReturn(&entry)
        return true
    }

    private func append(
        _ range: Range<Int>,
        of chain: Chain,
        _ image: borrowing TableImage,
        _ output: inout TableOutput,
        _ entry: inout RuleEntry
    ) throws(DataplaneError) -> Bool {
        // A span lends its rules, where an array would copy each.
        let rules = chain.rules.span
        for number in range {
            guard try append(rules[number], number, chain.name.text, image, &output, &entry) else {
                return false
            }
        }
        return true
    }

    /// False if the rule jumps to a chain that is neither there nor made.
    private func append(
        _ rule: Rule,
        _ number: Int,
        _ chain: String,
        _ image: borrowing TableImage,
        _ output: inout TableOutput,
        _ entry: inout RuleEntry
    ) throws(DataplaneError) -> Bool {
        try encode(rule, number: number, in: chain, &entry)
        var verdict: Int32?
        var reference: TableOutput.ChainReference?
        switch rule.target {
        case .accept: verdict = ImageEntry.accept
        case .drop: verdict = ImageEntry.drop
        case .returnToCaller: verdict = ImageEntry.returns
        case .jump(let name), .goto(let name):
            if let new = createdPlaces[name.text] {
                reference = .new(new)
            } else if let old = image.index(of: name.text) {
                reference = .present(old)
            } else {
                return false
            }
        default: break
        }
        try output.append(entry, verdict: verdict, chain: reference)
        return true
    }
}
