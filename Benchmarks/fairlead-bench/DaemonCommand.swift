import ArgumentParser
import Glibc

/// The whole daemon, from an API server's socket to packets: what its users get.
struct DaemonCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daemon",
        abstract: "The whole daemon behind an API server: start, changes, rest, restart, memory.",
        discussion: """
            Fails if operations or bytes written are more than they may be. Times only show whether \
            they meet their goals.
            """
    )

    @Argument(help: "Services x endpoints.")
    var sizes = ["5000x10"]

    @Option(name: .customLong("mode"), help: "iptables, nftables or ipvs; may be given twice.")
    var modes: [DaemonMode] = [.nftables, .iptables]

    @Option(help: "A kube-proxy to run through the same.")
    var peer: String?

    @Option(help: "Endpoint changes at --rate, whether the one before is in force or not.")
    var changes = 1000

    @Option(help: "How many of these a second.")
    var rate = 10

    @Option(help: "Endpoint changes with 1.2 s between each in force and the next.")
    var lone = 30

    @Option(help: "Seconds of rest that are measured.")
    var rest = 60

    func validate() throws {
        try Workload.requireSizes(sizes)
        guard changes > 0, lone > 0, rest > 0, rate > 0 else {
            throw ValidationError("--changes, --rate, --lone and --rest are positive numbers")
        }
    }

    func run() throws {
        let peerVersion = try peer.map { try PeerVersion(program: $0) }
        print([Machine.description, peerVersion?.text].compactMap(\.self).joined(separator: "; "))
        var excesses: [String] = []
        for size in sizes {
            var report = DaemonReport(size: size, steps: steps)
            for mode in modes {
                report.figures[.fairlead(mode)] = try measure(size, mode, peer: nil)
                guard let peer else { continue }
                report.figures[.peer(mode)] = try measure(size, mode, peer: peer)
            }
            print("\n" + report.text)
            excesses += report.excesses
        }
        guard excesses.isEmpty else { throw BenchFailure(excesses.joined(separator: "\n")) }
    }

    private var steps: DaemonSteps {
        DaemonSteps(changes: changes, rate: rate, lone: lone, rest: rest)
    }

    private func measure(_ size: String, _ mode: DaemonMode, peer: String?) throws -> DaemonFigures
    {
        let name = peer == nil ? "Fairlead" : "kube-proxy"
        Bench.note("\(size), \(mode.rawValue), \(name)")
        let words =
            [ChildProcess.bench, "daemon-size", size, mode.rawValue] + steps.words
            + (peer.map { ["--peer", $0] } ?? [])
        return try DaemonFigures(ChildProcess.ask(words))
    }
}

enum DaemonMode: String, CaseIterable, ExpressibleByArgument {
    case nftables, iptables, ipvs

    /// A command that empties what the daemon has programmed, as other programs and people do.
    func flush(lockFile: String) -> [String] {
        switch self {
        case .nftables: ["nft", "flush", "ruleset"]
        case .iptables:
            ["env", "XTABLES_LOCKFILE=\(lockFile)", "iptables-legacy", "-t", "nat", "-F"]
        case .ipvs: ["ipvsadm", "--clear"]
        }
    }
}

/// How much of each is measured.
struct DaemonSteps {
    /// How often the tables are emptied by another program.
    static let flushes = 3

    var changes: Int
    /// How many of them a second.
    var rate: Int
    var lone: Int
    /// In seconds.
    var rest: Int

    /// As arguments of `daemon-size`.
    var words: [String] { ["\(changes)", "\(rate)", "\(lone)", "\(rest)"] }
}
