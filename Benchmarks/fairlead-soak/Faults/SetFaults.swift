import SoakJudging
import TestSupport

/// Another program empties one of the daemon's maps or sets.
struct SetEmptied: SoakFault {
    let name = "one set emptied"
    let touches: Set<Touched> = [.tables]
    let breaks = true
    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _ random: inout SplitMix64) throws {
        miss = try node.whileFrozen {
            let filled = try node.filledSets()
            guard let set = filled.randomElement(using: &random) else { return "all are empty" }
            try node.run(node.mode == .ipvs ? ["ipset", "flush"] + set : ["nft", "flush"] + set)
            let isStill = try node.filledSets().contains(set)
            return isStill ? "\(set.joined(separator: " ")) still has entries" : nil
        }
    }
}

extension SoakNode {
    /// The daemon's sets and maps that have entries, as the tools name them.
    fileprivate func filledSets() throws -> [[String]] {
        if mode == .ipvs {
            let entries = try run("ipset", "save").split(separator: "\n")
                .filter { $0.hasPrefix("add FAIRLEAD") }
            return Set(entries.map { String($0.split(separator: " ")[1]) }).sorted().map { [$0] }
        }
        var table: [String] = []
        var set: [String] = []
        var filled: [[String]] = []
        for line in try run("nft", "list", "ruleset").split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            if words.first == "table" { table = Array(words[1...2]) }
            if words.first == "chain" { set = [] }
            if words.count == 3, words[0] == "set" || words[0] == "map", words[2] == "{" {
                set = table.last == "fairlead" ? [words[0]] + table + [words[1]] : []
            }
            if words.first == "elements", !set.isEmpty { filled.append(set) }
        }
        return filled
    }
}

/// Another program empties the legacy tables and destroys all sets.
struct SetsDestroyed: SoakFault {
    let name = "sets destroyed"
    let touches: Set<Touched> = [.tables, .lock]
    let breaks = true
    let hinders = false
    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        let (before, after) = try node.whileFrozen {
            let before = try node.run("ipset", "list", "-n")
            try node.run(
                "sh",
                "-c",
                """
                for program in iptables-legacy ip6tables-legacy; do
                    for table in $($program-save | sed -n 's/^\\*//p'); do
                        $program -w -t $table -F
                    done
                done
                ipset destroy
                """
            )
            return (before, try node.run("ipset", "list", "-n"))
        }
        if !before.contains("FAIRLEAD") || after.contains("FAIRLEAD") {
            miss = "sets before it: \(before), after it: \(after)"
        }
    }
}
