extension IPVSRenderer {
    /// The changes, part by part in the order of the plan: `+` for added, `-` for removed.
    package func render(_ diff: IPVSDiff) -> String {
        var lines: [String] = []
        for change in diff.sets { lines += [heading(change)] + self.lines(change) }
        let rules = IPTablesRenderer(family: family).render(diff.iptables)
        if !rules.isEmpty { lines.append(String(rules.dropLast())) }
        var heading: VirtualServer.Key?
        for change in diff.servers {
            if change.key != heading {
                heading = change.key
                lines.append(self.heading(change))
            }
            lines += self.lines(change)
        }
        if !diff.addresses.isEmpty { lines.append("@@ addresses @@") }
        lines += diff.addresses.map(line)
        return lines.map { $0 + "\n" }.joined()
    }

    private func heading(_ change: IPSetChange) -> String {
        switch change {
        case .create(let set): "@@ create set \(set.name) @@" + Self.tail(set.title)
        case .replace(let set): "@@ replace set \(set.name) @@" + Self.tail(set.title)
        case .destroy(let set): "@@ destroy set \(set.name) @@"
        case .update(let update): "@@ change set \(update.name) @@"
        }
    }

    func lines(_ change: IPSetChange) -> [String] {
        switch change {
        case .create(let set), .replace(let set): set.saveLines.map { "+\($0)" }
        case .destroy(let set): set.saveLines.map { "-\($0)" }
        case .update(let update):
            update.removed.map { "-add \(update.name) \($0)" }
                + zip(update.added, update.marks).map {
                    "+add \(update.name) \($0)" + IPSet.markText($1)
                }
        }
    }

    private func heading(_ change: VirtualServerChange) -> String {
        switch change {
        case .create(let server):
            "@@ create virtual server \(server.key) @@" + Self.tail(server.title)
        case .delete(let server):
            "@@ delete virtual server \(server.key) @@" + Self.tail(server.title)
        case .edit(_, let server):
            "@@ change virtual server \(server.key) @@" + Self.tail(server.title)
        case .addRealServer(let key, _), .editRealServer(let key, _, _),
            .removeRealServer(let key, _):
            "@@ change virtual server \(key) @@"
        }
    }

    private static func tail(_ title: String?) -> String { title.map { " \($0)" } ?? "" }

    func lines(_ change: VirtualServerChange) -> [String] {
        switch change {
        case .create(let server): return server.saveLines.map { "+\($0)" }
        case .delete(let server): return server.saveLines.map { "-\($0)" }
        case .edit(let old, let new): return ["-\(old.additionLine)", "+\(new.additionLine)"]
        case .addRealServer(let key, let server): return ["+\(Self.line(key, server))"]
        case .editRealServer(let key, let old, let new):
            return ["-\(Self.line(key, old))", "+\(Self.line(key, new))"]
        case .removeRealServer(let key, let server): return ["-\(Self.line(key, server))"]
        }
    }

    private static func line(_ key: VirtualServer.Key, _ server: RealServer) -> String {
        "-a \(key.option) \(server.options)"
    }

    func line(_ change: AddressChange) -> String {
        switch change {
        case .add(let address): "+address add \(Self.words(address))"
        case .remove(let address): "-address add \(Self.words(address))"
        case .addRange(let range): "+route add \(Self.words(range))"
        case .removeRange(let range): "-route add \(Self.words(range))"
        }
    }
}
