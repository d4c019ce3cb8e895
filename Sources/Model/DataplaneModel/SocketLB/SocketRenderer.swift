package import Addressing

/// Renders what the socket programs look up, a line for each thing that a map holds:
///
///     node address 192.0.2.1
///     frontend 10.96.0.10:80/tcp group 1482009
///     frontend 10.96.0.11:80/tcp refuse
///     frontend 30080/tcp leave
///     # default/web:http/tcp
///     group 1482009 random affinity 10800s
///     	10.180.0.11:8080 in slots 0, 2-3
///     	10.180.1.12:8080 in slot 1
///
/// The heading of a group that datagrams go to is `group 1482009 random datagrams`.
package struct SocketRenderer: Sendable {
    package let family: IPFamily

    package init(family: IPFamily) {
        self.family = family
    }

    package func render(_ state: SocketState) -> String {
        var lines = state.nodeAddresses.sorted().map(line)
        lines += state.frontends.sorted { $0.key < $1.key }.map(line)
        for (number, group) in state.groups.sorted(by: { $0.key < $1.key }) {
            if let title = group.title { lines.append("# \(title)") }
            lines += self.lines(number, group)
        }
        return lines.map { $0 + "\n" }.joined()
    }

    /// The changes, part by part in the order of the plan: `+` for added, `-` for removed. A frontend
    /// that gets another action shows the new one only.
    package func render(_ diff: SocketDiff) -> String {
        var lines = addressLines(diff)
        if !lines.isEmpty { lines.insert("@@ node addresses @@", at: 0) }
        let frontends = frontendLines(diff)
        if !frontends.isEmpty { lines += ["@@ frontends @@"] + frontends }
        for change in diff.groups { lines += [heading(change)] + self.lines(change) }
        if diff.attaches { lines.append("@@ attach the socket programs @@") }
        return lines.map { $0 + "\n" }.joined()
    }

    // MARK: - Parts of a diff

    func addressLines(_ diff: SocketDiff) -> [String] {
        diff.removedNodeAddresses.map { "-" + line($0) }
            + diff.addedNodeAddresses.map { "+" + line($0) }
    }

    func frontendLines(_ diff: SocketDiff) -> [String] {
        diff.removedFrontends.map { "-frontend \($0)" }
            + diff.setFrontends.map { "+" + line($0.key, $0.action) }
    }

    private func heading(_ change: SocketDiff.GroupChange) -> String {
        let verb = change.new == nil ? "delete" : change.old == nil ? "create" : "change"
        let title = (change.new ?? change.old)?.title.map { " \($0)" } ?? ""
        return "@@ \(verb) group \(change.number) @@" + title
    }

    /// Of a changed group, what stays the same is left out.
    func lines(_ change: SocketDiff.GroupChange) -> [String] {
        let old = change.old.map { lines(change.number, $0) } ?? []
        let new = change.new.map { lines(change.number, $0) } ?? []
        let (before, after) = (Set(old), Set(new))
        return old.filter { !after.contains($0) }.map { "-" + $0 }
            + new.filter { !before.contains($0) }.map { "+" + $0 }
    }

    // MARK: - Lines

    private func line(_ address: IPAddress) -> String { "node address \(address)" }

    private func line(_ frontend: SocketFrontend, _ action: SocketAction) -> String {
        switch action {
        case .group(let number): "frontend \(frontend) group \(number)"
        case .refuse: "frontend \(frontend) refuse"
        case .leave: "frontend \(frontend) leave"
        }
    }

    private func lines(_ number: UInt32, _ group: SocketGroup) -> [String] {
        var heading = "group \(number) \(group.choice.keyword)"
        if group.isForDatagrams { heading += " datagrams" }
        if let seconds = group.affinityTimeoutSeconds { heading += " affinity \(seconds)s" }
        return [heading]
            + group.endpoints.map {
                "\t\($0.endpoint) in \(Self.text($0.slots))"
            }
    }

    /// `slot 0`, `slots 0, 2-3`: numbers from 0, and not how many there are.
    private static func text(_ slots: [Int]) -> String {
        var runs: [ClosedRange<Int>] = []
        for slot in slots {
            if let last = runs.last, last.upperBound + 1 == slot {
                runs[runs.count - 1] = last.lowerBound...slot
            } else {
                runs.append(slot...slot)
            }
        }
        let texts = runs.map {
            $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
        }
        return (slots.count == 1 ? "slot " : "slots ") + texts.joined(separator: ", ")
    }
}

extension SocketGroup {
    /// Each endpoint with its slots, counted from 0; both sorted.
    package var endpoints: [(endpoint: SocketAddress, slots: [Int])] {
        var found: [SocketAddress: [Int]] = [:]
        for (slot, endpoint) in slots.enumerated() { found[endpoint, default: []].append(slot) }
        return found.sorted { $0.key < $1.key }.map { (endpoint: $0.key, slots: $0.value) }
    }
}

extension SocketGroup.Choice {
    /// `random`, `hash`.
    package var keyword: String {
        switch self {
        case .random: "random"
        case .hashedClient: "hash"
        }
    }
}
