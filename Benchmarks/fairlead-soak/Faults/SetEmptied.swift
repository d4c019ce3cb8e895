import TestSupport

/// Another program empties one of the daemon's maps or sets.
struct SetEmptied: SoakFault {
    let name = "one set emptied"
    let touches: Set<Touched> = [.tables]
    let breaks = true

    func begin(_ node: SoakNode, _ random: inout SplitMix64) throws {
        if node.mode == .ipvs {
            let sets = try node.run("ipset", "list", "-n").split(separator: "\n")
                .filter { $0.hasPrefix("FAIRLEAD") }
            guard let name = sets.randomElement(using: &random) else { return }
            try node.run("ipset", "flush", String(name))
            return
        }
        var table: [String] = []
        var sets: [[String]] = []
        for line in try node.run("nft", "list", "ruleset").split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            if words.first == "table" { table = Array(words[1...2]) }
            if words.count == 3, words[0] == "set" || words[0] == "map", words[2] == "{",
                table.last == "fairlead"
            {
                sets.append([words[0]] + table + [words[1]])
            }
        }
        guard let set = sets.randomElement(using: &random) else { return }
        try node.run("nft", "flush", set[0], set[1], set[2], set[3])
    }
}
