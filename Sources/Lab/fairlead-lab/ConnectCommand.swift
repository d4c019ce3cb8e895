import ArgumentParser
import LabCluster
import LabTraffic
import NamespaceLab

struct ConnectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connect",
        abstract: "Make connections from a member of a lab, and count the answers.",
        discussion: "  fairlead-lab connect client 192.0.2.1:30080/tcp --count 100"
    )

    @OptionGroup var lab: LabNameOption

    @Argument(help: "From: node1, pod1 … or client.")
    var member: String

    @Argument(help: "To: 10.96.0.10:80/tcp, [fd00:96::10]:53/udp.")
    var endpoint: String

    @Option(help: "How many connections.")
    var count = 10

    func validate() throws {
        guard Endpoint(argument: endpoint) != nil else {
            throw ValidationError("\(endpoint): is not of the form 10.96.0.10:80/tcp")
        }
        guard (1...10_000).contains(count) else { throw ValidationError("--count: 1 to 10000") }
    }

    func run() throws {
        let cluster = try lab.cluster()
        // A manifest may have been written just now. Whether the proxies get that done is for the answers to show.
        if cluster.hasProxies { try? cluster.waitUntilApplied(.seconds(10)) }
        let batch = try cluster.batch(
            [.init(endpoint, count: count, timeout: .seconds(2))],
            from: cluster.member(member)
        )
        let outcomes = try batch.outcomes(Deadline(in: .seconds(10 + count)))[0]
        for (count, text) in OutcomeCounts(outcomes).rows {
            let number = String(repeating: " ", count: max(0, 5 - "\(count)".count)) + "\(count)"
            print("\(number) \(text)")
        }
    }
}

/// How often connections ended in which way.
struct OutcomeCounts {
    /// `pod1, which saw 10.0.0.1` or `timeout`, by outcome.
    let rows: [(count: Int, text: String)]

    init(_ outcomes: [String]) {
        let counts = Dictionary(outcomes.map { ($0, 1) }, uniquingKeysWith: +)
        rows = counts.sorted { $0.key < $1.key }.map { outcome, count in
            let words = outcome.split(separator: " ")
            return (count, words.count == 2 ? "\(words[0]), which saw \(words[1])" : outcome)
        }
    }
}
