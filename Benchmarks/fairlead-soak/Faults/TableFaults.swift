import Glibc
import NamespaceLab
import SoakJudging
import TestSupport

/// Another program empties all tables.
struct Flush: SoakFault {
    let name = "tables flushed"
    // The programs wait for the lock.
    let touches: Set<Touched> = [.tables, .lock]
    let breaks = true
    let hinders = false
    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        let (before, after) = try node.whileFrozen {
            let before = try node.ownRules().count
            try flush(node)
            return (before, try node.ownRules().count)
        }
        if before == 0 || after > 0 { miss = "\(before) rules before it, \(after) after it" }
    }

    private func flush(_ node: SoakNode) throws {
        switch node.mode {
        case .iptables:
            for program in ["iptables-legacy", "ip6tables-legacy"] {
                for table in ["nat", "filter"] { try node.run(program, "-w", "-t", table, "-F") }
            }
        case .nftables: try node.run("nft", "flush", "ruleset")
        case .ipvs: try node.run("ipvsadm", "-C")
        }
    }
}

/// Another program removes one rule, or one real server.
struct RuleEdited: SoakFault {
    let name = "one rule removed"
    let touches: Set<Touched> = [.tables, .lock]
    let breaks = true
    let hinders = false
    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _ random: inout SplitMix64) throws {
        let (before, after) = try node.whileFrozen {
            let rules = try node.ownRules()
            if let rule = rules.randomElement(using: &random) { try node.run(rule) }
            return (rules.count, try node.ownRules().count)
        }
        if after != before - 1 { miss = "\(before) rules before it, \(after) after it" }
    }
}

extension SoakNode {
    /// For each of the daemon's rules, or real servers, the words that remove it.
    func ownRules() throws -> [[String]] {
        switch mode {
        case .iptables: try legacyRules()
        case .nftables: try nftablesRules()
        case .ipvs:
            try run("ipvsadm", "-Sn").split(separator: "\n").filter { $0.hasPrefix("-a ") }
                .map { ["ipvsadm", "-d"] + $0.split(separator: " ")[1...4].map(String.init) }
        }
    }

    private func legacyRules() throws -> [[String]] {
        var places: [Substring: Int] = [:]
        return try run("iptables-legacy", "-t", "nat", "-S").split(separator: "\n")
            .filter { $0.hasPrefix("-A FAIRLEAD-") }
            .map { rule in
                let chain = rule.split(separator: " ")[1]
                places[chain, default: 0] += 1
                return ["iptables-legacy", "-w", "-t", "nat", "-D"]
                    + ["\(chain)", "\(places[chain, default: 0])"]
            }
    }

    private func nftablesRules() throws -> [[String]] {
        var (table, chain) = ("", "")
        var rules: [[String]] = []
        for line in try run("nft", "-a", "list", "ruleset").split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            if words.first == "table" { table = "\(words[1]) \(words[2])" }
            if words.first == "chain" { chain = words[1] }
            if words.first == "set" || words.first == "map" { chain = "" }
            guard table.hasSuffix(" fairlead"), !chain.isEmpty, words.first != "chain",
                words.count > 2, words[words.count - 2] == "handle", let handle = words.last
            else { continue }
            rules.append(
                ["nft", "delete", "rule"] + table.split(separator: " ").map(String.init)
                    + [chain, "handle", handle]
            )
        }
        return rules
    }
}

/// Another program holds the lock of the iptables programs.
struct LockHeld: SoakFault {
    let name = "xtables lock held"
    let touches: Set<Touched> = [.lock]
    let lasts: ClosedRange<Double>? = 8...30
    private var holder: LabProcess?
    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        let started = try node.start("flock", "--no-fork", node.lockFile, "sleep", "600")
        let deadline = Deadline(in: .seconds(10))
        while try LabCommand.result(["flock", "-n", node.lockFile, "true"]).status == 0 {
            guard !deadline.hasPassed else { throw SoakFailure("the lock cannot be taken") }
            usleep(5000)
        }
        holder = started
    }

    mutating func end(_ node: SoakNode) throws {
        if let holder, !holder.isRunning { miss = "the holder has ended" }
        holder?.signal(SIGKILL)
        _ = try holder?.finish(Deadline(in: .seconds(20)))
        holder = nil
    }
}
