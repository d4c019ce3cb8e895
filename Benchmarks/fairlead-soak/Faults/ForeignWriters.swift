import Glibc
import NamespaceLab
import SoakJudging
import TestSupport

/// Other programs write objects of their own all the time, and remove them again.
struct ForeignWriters: SoakFault {
    /// What a program is told, and what undoes it.
    private typealias Write = (name: String, add: String, remove: String)

    let name = "foreign writers"
    let touches: Set<Touched> = []
    let lasts: ClosedRange<Double>? = 2...6
    private var writer: LabProcess?
    private var tally = WriterTally([])
    private(set) var miss: String?
    private(set) var note: String?

    /// User-mode Linux has no nftables, and other kernels may have neither sets nor IPVS.
    private static var writes: [Write] {
        let rules: [Write] = [
            (
                "iptables",
                "iptables-legacy -w 5 -t nat -A POSTROUTING -o none -j MASQUERADE",
                "iptables-legacy -w 5 -t nat -D POSTROUTING -o none -j MASQUERADE"
            ),
            (
                "ip6tables",
                "ip6tables-legacy -w 5 -A INPUT -i none -j DROP",
                "ip6tables-legacy -w 5 -D INPUT -i none -j DROP"
            ),
        ]
        guard Machine.isOwn else {
            return [("nft", "nft add table ip foreign", "nft delete table ip foreign")] + rules
        }
        return rules + [
            ("ipset", "ipset create foreign hash:ip", "ipset destroy foreign"),
            ("ipvsadm", "ipvsadm -A -t 203.0.113.7:7", "ipvsadm -D -t 203.0.113.7:7"),
        ]
    }

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        tally = WriterTally(Self.writes.map(\.name))
        let round = Self.writes.map { "write \($0.name) \($0.add); \($0.remove)" }
        writer = try node.start(
            "sh",
            "-c",
            """
            write() {
                name=$1
                shift
                if error=$("$@" 2>&1); then echo "$name"; else echo "$name" $error; fi >&3
            }
            ended=
            trap ended=1 TERM
            while [ -z "$ended" ]; do
                \(round.joined(separator: "\n    "))
            done 3>&1 >/dev/null 2>&1
            """
        )
    }

    /// Not before each has written, however slow the machine is.
    mutating func end(_ node: SoakNode) throws {
        defer { writer = nil }
        do {
            try finish()
        } catch {
            // Which of them hangs, and where in the kernel.
            let running = try node.run("ps", "-eo", "pid,stat,wchan:24,args")
            miss = "\(error)\n\(running)"
        }
    }

    private mutating func finish() throws {
        let deadline = Deadline(in: .seconds(60 * Machine.slowness))
        while !tally.isComplete, !deadline.hasPassed, let line = try writer?.readLine(deadline) {
            tally.add(line)
        }
        writer?.signal(SIGTERM)
        let rest = try writer?.finish(Deadline(in: .seconds(60 * Machine.slowness))).output ?? ""
        for line in rest.split(separator: "\n") { tally.add(String(line)) }
        miss = tally.miss
        note = tally.text
    }
}
