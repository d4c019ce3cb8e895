/// A plan as what it adds to a skeleton and leaves out of it, in lines of the tools' own dialects.
///
///      map cluster-ips {         a line of the skeleton, so that the place is clear
///     ...                        lines of the skeleton that are left out here
///     +    elements = { … }      a line of the plan alone
///     -    flags interval        a line of the skeleton that the plan doesn't have
///
/// Lines are found in order: `...` reaches to the first line that equals the next one with a space
/// or a minus in front, and to the end if there is none. A line that ends in ` ...` stands for the
/// first one that begins like it. A skeleton and a text have one plan, byte for byte.
package enum SkeletonDifference {
    /// What in a difference does not fit the skeleton; lines count from 1.
    package struct Misfit: Error, CustomStringConvertible {
        package let line: Int
        package let reason: String
        package var description: String { "line \(line): \(reason)" }
    }

    static let gap = "..."

    /// The plan that a difference stands for.
    package static func plan(
        _ text: String,
        over skeleton: String
    ) throws(Misfit) -> String {
        let own = lines(text)
        let base = lines(skeleton)
        var plan: [String] = []
        var position = 0
        /// The line `...` reaches to; nil is the end.
        func target(from line: Int) throws(Misfit) -> Int {
            let next = own[line...].indices.first { own[$0].first != "+" }
            guard let next else { return base.count }
            guard own[next] != gap else {
                throw Misfit(
                    line: next + 1,
                    reason: "two gaps with no line of the skeleton between"
                )
            }
            let found = base[position...].firstIndex { matches(own[next].dropFirst(), $0) }
            guard let found else {
                throw Misfit(
                    line: next + 1,
                    reason: "not in the skeleton from its line \(position + 1) on: \(own[next])"
                )
            }
            return found
        }
        for (index, line) in own.enumerated() {
            if line == gap {
                let end = try target(from: index + 1)
                plan += base[position..<end]
                position = end
                continue
            }
            switch line.first {
            case "+": plan.append(String(line.dropFirst()))
            case " ", "-":
                guard position < base.count, matches(line.dropFirst(), base[position]) else {
                    throw Misfit(
                        line: index + 1,
                        reason: "line \(position + 1) of the skeleton is another: \(line)"
                    )
                }
                if line.first == " " { plan.append(base[position]) }
                position += 1
            default: throw Misfit(line: index + 1, reason: "begins with neither + nor - nor space")
            }
        }
        guard position == base.count else {
            throw Misfit(
                line: own.count,
                reason: "ends at line \(position + 1) of the skeleton, without \(gap)"
            )
        }
        return plan.map { $0 + "\n" }.joined()
    }

    /// The shortest text this type writes for a plan; `plan(_:over:)` gives the plan again.
    package static func text(of plan: String, over skeleton: String) -> String {
        var writer = SkeletonDifferenceWriter(base: lines(skeleton))
        return writer.write(lines(plan)).map { $0 + "\n" }.joined()
    }

    /// Whether a line of a difference, without its first character, stands for one of the skeleton.
    static func matches(_ line: Substring, _ base: String) -> Bool {
        line.hasSuffix(" " + gap) ? base.hasPrefix(line.dropLast(gap.count)) : base == line
    }

    static func lines(_ text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }
}

/// Chooses the lines of the skeleton that show the place of what is a plan's own: headings and
/// comments rather than rules, so that a changed rule leaves other files as they are.
private struct SkeletonDifferenceWriter {
    /// A place where plan and skeleton differ.
    struct Hunk {
        var start: Int
        var removed: Int
        var added: [String]
    }

    let base: [String]
    var text: [String] = []
    /// Of the skeleton, the lines up to here are dealt with.
    var position = 0

    init(base: [String]) {
        self.base = base
    }

    mutating func write(_ plan: [String]) -> [String] {
        for hunk in hunks(plan) { write(hunk) }
        if position < base.count { text.append(SkeletonDifference.gap) }
        return text
    }

    private mutating func write(_ hunk: Hunk) {
        for heading in headings(of: hunk.start) where heading >= position { reach(heading) }
        let (start, added) = (hunk.start, hunk.added.map { "+" + $0 })
        let removed = base[start..<start + hunk.removed]
        if start > position, let first = removed.first {
            if base[position...].firstIndex(of: first) == start {
                text.append(SkeletonDifference.gap)
            } else {
                reach(start - 1)
            }
        } else if start > position {
            let canFollow = isStable(start - 1) && firstMatch(start - 1) == start - 1
            let canPrecede =
                start == base.count || (isStable(start) && firstMatch(start) == start)
            if !canFollow, canPrecede {
                text.append(SkeletonDifference.gap)
                text += added
                if start < base.count { text.append(" " + shown(start)) }
                position = min(start + 1, base.count)
                return
            }
            reach(start - 1)
        }
        text += removed.map { "-" + $0 } + added
        position = start + hunk.removed
    }

    /// Writes a line of the skeleton as it stands, and those before it that could be taken for it.
    private mutating func reach(_ line: Int) {
        while position <= line {
            let next = firstMatch(line)
            if next > position { text.append(SkeletonDifference.gap) }
            text.append(" " + shown(next, as: line))
            position = next + 1
        }
    }

    /// The first line from the position on that a reader takes for this one.
    private func firstMatch(_ line: Int) -> Int {
        let shown = shown(line)
        return base[position...].firstIndex { SkeletonDifference.matches(shown[...], $0) } ?? line
    }

    private func shown(_ line: Int, as other: Int? = nil) -> String {
        let text = base[other ?? line]
        guard text.hasPrefix("create ") else { return text }
        return text.split(separator: " ").prefix(2).joined(separator: " ") + " ..."
    }

    /// Lines that stay when a rule changes.
    private func isStable(_ line: Int) -> Bool {
        guard base.indices.contains(line) else { return false }
        let text = base[line].drop { $0 == "\t" }
        return ["#", "*", ":", "}", "COMMIT", "create "].contains { text.hasPrefix($0) }
            || text.hasSuffix("{")
    }

    /// The headings that a line stands under: family, table, and set or chain.
    private func headings(of line: Int) -> [Int] {
        var path: [Int] = []
        for index in base[..<min(line, base.count)].indices {
            let text = base[index]
            if text.hasPrefix("# Fairlead's ") { path = [index] }
            if text.hasPrefix("*") { path = path.prefix(1) + [index] }
            if text.hasPrefix("COMMIT") { path = Array(path.prefix(1)) }
            if text.hasPrefix("\t"), text.hasSuffix(" {"), !text.hasPrefix("\t\t") {
                path = path.prefix(1) + [index]
            }
            if text == "\t}" { path = Array(path.prefix(1)) }
        }
        return path
    }

    private func hunks(_ plan: [String]) -> [Hunk] {
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for change in plan.difference(from: base) {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var hunks: [Hunk] = []
        var (old, new) = (0, 0)
        while old < base.count || new < plan.count {
            var hunk = Hunk(start: old, removed: 0, added: [])
            while removed.contains(old) || inserted.contains(new) {
                if removed.contains(old) {
                    hunk.removed += 1
                    old += 1
                } else {
                    hunk.added.append(plan[new])
                    new += 1
                }
            }
            if hunk.removed > 0 || !hunk.added.isEmpty {
                let end = hunks.last.map { $0.start + $0.removed } ?? 0
                hunks.append(settled(hunk, after: end))
            }
            old += 1
            new += 1
        }
        return hunks
    }

    /// Of the equal ways to place an insertion, the one that reads best.
    private func settled(_ hunk: Hunk, after end: Int) -> Hunk {
        guard hunk.removed == 0 else { return hunk }
        var (best, now) = (hunk, hunk)
        while now.start > end, now.added.last == base[now.start - 1] {
            now.added.insert(now.added.removeLast(), at: 0)
            now.start -= 1
            if score(now) > score(best) { best = now }
        }
        return best
    }

    private func score(_ hunk: Hunk) -> Int {
        let first = hunk.added[0].drop { $0 == "\t" }
        let isWhole = !first.isEmpty && !first.hasPrefix("}")
        return (isWhole ? 4 : 0) + (isStable(hunk.start - 1) ? 2 : 0)
            + (isStable(hunk.start) ? 1 : 0)
    }
}
