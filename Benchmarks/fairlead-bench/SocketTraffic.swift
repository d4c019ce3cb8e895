import Addressing
import Glibc
import PrintableText

/// Connections and requests by what stands between client and server.
struct SocketTraffic {
    typealias Level = SocketServeCommand.Level
    typealias Transport = SocketConnectCommand.Transport

    /// One row of the table.
    struct Path {
        var title: String
        var level: Level
        var services: Int
        /// One figure a round.
        var connections: [Double] = []
        var requests: [Double] = []
        var rates: [Double] = []
    }

    let rounds: Int
    let connects: Int

    /// Measures and prints, with a goal for each comparison.
    func run(_ sizes: [Int]) throws {
        var nodes: [SocketNode] = []
        var paths: [Path] = []
        for level in Level.allCases {
            for services in level == .nothing ? [1] : sizes {
                nodes.append(try SocketNode(level, services: services))
                paths.append(Path(title: level.title(services), level: level, services: services))
            }
        }
        for transport in Transport.allCases {
            var measured = paths
            for _ in 0..<rounds {
                for (index, node) in nodes.enumerated() {
                    let times = try measure(node, transport)
                    measured[index].connections.append(times.connection)
                    measured[index].requests.append(times.request)
                    measured[index].rates.append(times.rate)
                }
            }
            printTable(measured, transport)
            printGoals(measured, transport)
        }
        for node in nodes { try node.end() }
    }

    /// Of the last Service: with rules in a list it would be the dearest.
    private func measure(_ node: SocketNode, _ transport: Transport) throws -> SocketNode.Times {
        let workload = SocketServeCommand.workload(node.services)
        let (address, port) =
            node.level == .nothing
            ? (workload.endpoint(0, 0), Workload.targetPort.value)
            : (workload.clusterIP(node.services - 1), Workload.port.value)
        return try node.client(transport, UInt32(address.bits), port, connects)
    }

    // MARK: - Text

    private func printTable(_ paths: [Path], _ transport: Transport) {
        var table = TextTable([
            "\(transport.rawValue.uppercased()), median of \(rounds) rounds of \(connects)",
            "connections/s", "connection with a request, µs (least; most)", "request, µs",
        ])
        for path in paths {
            let times = path.connections.sorted()
            table.rows.append([
                path.title, Self.median(path.rates).text(0),
                "\(Self.median(times).text(1)) (\((times.first ?? 0).text(1)); \((times.last ?? 0).text(1)))",
                Self.median(path.requests).text(1),
            ])
        }
        Swift.print("\n\(table.markdown)")
    }

    private func printGoals(_ paths: [Path], _ transport: Transport) {
        let name = transport.rawValue.uppercased()
        guard let bare = paths.first(where: { $0.level == .nothing }) else { return }
        print("")
        for path in paths where path.level == .sockets {
            let ratio = Self.ratio(path.connections, bare.connections)
            let verdict = ratio <= 1.03 ? "met" : "missed"
            print(
                "\(name), \(path.title) / no proxy: \(ratio.text(3)) of the time, goal within 3 %: \(verdict)"
            )
        }
        for services in Set(paths.map(\.services)).sorted() {
            let same = paths.filter { $0.services == services }
            guard let rules = same.first(where: { $0.level == .nftables }) else { continue }
            for path in same where path.level == .sockets || path.level == .socketsAboveRules {
                let ratio = Self.ratio(rules.connections, path.connections)
                let verdict = ratio >= 1.15 ? "met" : "missed"
                print(
                    "\(name), \(path.title): \(ratio.text(2)) times as many connections as by nftables, goal 1.15: \(verdict)"
                )
            }
        }
    }

    /// The middle one of the rounds' ratios: what disturbs a round disturbs both.
    private static func ratio(_ one: [Double], _ other: [Double]) -> Double {
        median(zip(one, other).map { $0 / $1 })
    }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}

extension SocketServeCommand.Level {
    func title(_ services: Int) -> String {
        let count = services == 1 ? "1 Service" : "\(services) Services"
        return switch self {
        case .nothing: "no proxy, no rules"
        case .sockets: "socket level alone, \(count)"
        case .socketsAboveRules: "socket level above nftables, \(count)"
        case .nftables: "nftables, \(count)"
        case .iptables: "iptables, \(count)"
        }
    }
}
