import Glibc
import NamespaceLab
import TestSupport

/// Another program empties all tables.
struct Flush: SoakFault {
    let name = "tables flushed"
    let touches: Set<Touched> = [.tables]
    let breaks = true

    func begin(_ node: SoakNode, _: inout SplitMix64) throws {
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
    let touches: Set<Touched> = [.tables]
    let breaks = true

    func begin(_ node: SoakNode, _ random: inout SplitMix64) throws {
        switch node.mode {
        case .iptables:
            let rules = try node.run("iptables-legacy", "-t", "nat", "-S").split(separator: "\n")
                .filter { $0.hasPrefix("-A FAIRLEAD-") }
            guard let rule = rules.randomElement(using: &random) else { return }
            let chain = rule.split(separator: " ")[1]
            let place = rules.filter { $0.hasPrefix("-A \(chain) ") }.firstIndex(of: rule) ?? 0
            try node.run("iptables-legacy", "-w", "-t", "nat", "-D", "\(chain)", "\(place + 1)")
        case .nftables: try removeNFTablesRule(node, &random)
        case .ipvs:
            let lines = try node.run("ipvsadm", "-Sn").split(separator: "\n")
                .filter { $0.hasPrefix("-a ") }
            guard let line = lines.randomElement(using: &random) else { return }
            let words = line.split(separator: " ").map(String.init)
            try node.run("ipvsadm", "-d", words[1], words[2], words[3], words[4])
        }
    }

    private func removeNFTablesRule(_ node: SoakNode, _ random: inout SplitMix64) throws {
        var (table, chain) = ("", "")
        var rules: [[String]] = []
        for line in try node.run("nft", "-a", "list", "ruleset").split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            if words.first == "table" { table = "\(words[1]) \(words[2])" }
            if words.first == "chain" { chain = words[1] }
            if words.first == "set" || words.first == "map" { chain = "" }
            guard table.hasSuffix(" fairlead"), !chain.isEmpty, words.first != "chain",
                words.count > 2, words[words.count - 2] == "handle", let handle = words.last
            else { continue }
            rules.append(table.split(separator: " ").map(String.init) + [chain, handle])
        }
        guard let rule = rules.randomElement(using: &random) else { return }
        try node.run("nft", "delete", "rule", rule[0], rule[1], rule[2], "handle", rule[3])
    }
}

/// Other programs write rules of their own all the time.
struct ForeignWriters: SoakFault {
    let name = "foreign writers"
    let touches: Set<Touched> = []
    let lasts: ClosedRange<Double>? = 2...6
    private var writer: LabProcess?

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        writer = try node.start(
            "sh",
            "-c",
            """
            while :; do
                nft add table ip foreign; nft delete table ip foreign
                iptables-legacy -w 5 -t nat -A POSTROUTING -o none -j MASQUERADE
                ip6tables-legacy -w 5 -A INPUT -i none -j DROP
                iptables-legacy -w 5 -t nat -D POSTROUTING -o none -j MASQUERADE
                ip6tables-legacy -w 5 -D INPUT -i none -j DROP
            done >/dev/null 2>&1
            """
        )
    }

    mutating func end(_ node: SoakNode) throws {
        writer?.signal(SIGTERM)
        _ = try writer?.finish(Deadline(in: .seconds(20)))
        writer = nil
    }
}

/// Another program holds the lock of the iptables programs.
struct LockHeld: SoakFault {
    let name = "xtables lock held"
    let touches: Set<Touched> = [.lock]
    let lasts: ClosedRange<Double>? = 8...30
    private var holder: LabProcess?

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        holder = try node.start("flock", "--no-fork", node.lockFile, "sleep", "600")
    }

    mutating func end(_ node: SoakNode) throws {
        holder?.signal(SIGKILL)
        _ = try holder?.finish(Deadline(in: .seconds(20)))
        holder = nil
    }
}
