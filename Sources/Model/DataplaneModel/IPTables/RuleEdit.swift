/// One step from a chain's old rules to its new ones.
enum RuleEdit<Rule: Equatable> {
    case keep(Rule)
    case remove(Rule)
    case add(Rule)
    /// A number of unchanged rules, too far from any change to be shown.
    case skip(Int)

    /// A line of a unified diff.
    func text(_ rule: (Rule) -> String) -> String {
        switch self {
        case .keep(let kept): " " + rule(kept)
        case .remove(let old): "-" + rule(old)
        case .add(let new): "+" + rule(new)
        case .skip(let count): " # \(count) unchanged"
        }
    }

    /// How many unchanged rules are shown on either side of a change.
    static var context: Int { 2 }

    /// A shortest edit script from `old` to `new`, removals first where both occur.
    static func script(from old: [Rule], to new: [Rule]) -> [RuleEdit] {
        var steps: [RuleEdit] = []
        var start = 0
        let shorter = min(old.count, new.count)
        while start < shorter, old[start] == new[start] { start += 1 }
        var tail = 0
        while tail < shorter - start, old[old.count - 1 - tail] == new[new.count - 1 - tail] {
            tail += 1
        }
        steps += old[..<start].map { .keep($0) }
        steps += middle(old[start..<(old.count - tail)], new[start..<(new.count - tail)])
        steps += old[(old.count - tail)...].map { .keep($0) }
        return shortened(steps)
    }

    private static func middle(_ old: ArraySlice<Rule>, _ new: ArraySlice<Rule>) -> [RuleEdit] {
        // The difference costs O(size × changes): for large rewrites it would take minutes, and the
        // result would be no more readable than old and new in full.
        guard old.count * new.count <= 1_000_000 else {
            return old.map { .remove($0) } + new.map { .add($0) }
        }
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for change in Array(new).difference(from: Array(old)) {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var steps: [RuleEdit] = []
        var next = 0
        for (offset, rule) in old.enumerated() {
            if removed.contains(offset) {
                steps.append(.remove(rule))
                continue
            }
            while inserted.contains(next) {
                steps.append(.add(new[new.startIndex + next]))
                next += 1
            }
            steps.append(.keep(rule))
            next += 1
        }
        return steps + new.dropFirst(next).map { .add($0) }
    }

    /// Replaces long runs of unchanged rules by their number.
    private static func shortened(_ steps: [RuleEdit]) -> [RuleEdit] {
        var shown: [RuleEdit] = []
        var index = 0
        while index < steps.count {
            guard case .keep = steps[index] else {
                shown.append(steps[index])
                index += 1
                continue
            }
            let end = steps[index...].firstIndex { if case .keep = $0 { false } else { true } }
            let run = steps[index..<(end ?? steps.count)]
            let head = index == 0 ? 0 : context
            let tail = end == nil ? 0 : context
            if run.count > head + tail + 1 {
                shown += run.prefix(head)
                shown.append(.skip(run.count - head - tail))
                shown += run.suffix(tail)
            } else {
                shown += run
            }
            index += run.count
        }
        return shown
    }
}
