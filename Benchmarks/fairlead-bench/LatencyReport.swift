import Addressing
import Glibc
import PrintableText

/// How long a new TCP connection takes, by what stands between client and server.
enum LatencyReport {
    private static let services = 5000
    private static let rounds = 9
    private static let connects = 2000

    static func measureAndPrint(_ mode: ServeCommand.Mode) throws {
        let large = try Node(mode, services: services)
        let small = try Node(mode, services: 1)
        let bare = try Node(mode, services: 0)
        let workload = Workload(services: services, endpoints: 10)
        let (service, server) = (Workload.port.value, Workload.targetPort.value)
        let first = UInt32(workload.clusterIP(0).bits)
        let last = UInt32(workload.clusterIP(services - 1).bits)
        let endpoint = UInt32(workload.endpoint(0, 0).bits)
        let paths: [(String, Node, UInt32, UInt16)] = [
            ("first of \(services) Services", large, first, service),
            ("last of \(services) Services", large, last, service),
            ("the only Service", small, first, service),
            ("no Service, \(services) Services beside", large, endpoint, server),
            ("no Service, empty tables", bare, endpoint, server),
        ]
        var medians = [[Double]](repeating: [], count: paths.count)
        for _ in 0..<rounds {
            for (index, path) in paths.enumerated() {
                medians[index].append(try path.1.connect(path.2, path.3, connects))
            }
        }
        print(paths.map(\.0), medians)
    }

    private static func print(_ names: [String], _ medians: [[Double]]) {
        var table = TextTable([
            "New connection, µs (medians of \(connects) in \(rounds) rounds)", "median", "least",
            "most",
        ])
        let middles = medians.map { $0.sorted()[$0.count / 2] }
        for (index, name) in names.enumerated() {
            table.rows.append([
                name, middles[index].text(1), (medians[index].min() ?? 0).text(1),
                (medians[index].max() ?? 0).text(1),
            ])
        }
        let ratio = middles[1] / middles[0]
        Swift.print("\n\(table.markdown)")
        Swift.print(
            "\nlast / first \(ratio.text(2)), goal within 10 %: \(ratio <= 1.1 ? "met" : "missed")"
        )
    }
}

/// The beginning of a command line that runs this program on one processor: moving from one to
/// another would be most of what is measured.
private func pinned(to processor: Int) -> [String] {
    ["taskset", "--cpu-list", "\(processor)", ChildProcess.bench]
}

/// A process that holds a network namespace; both end with this.
private final class Node {
    private let process: ChildProcess
    /// What the process reads until it is to end.
    private let lifeline: Int32

    init(_ mode: ServeCommand.Mode, services: Int) throws {
        let life = try Pipe.open()
        let answer = try Pipe.open()
        defer { close(answer.reading) }
        lifeline = life.writing
        do {
            defer {
                close(life.reading)
                close(answer.writing)
            }
            process = try ChildProcess(
                pinned(to: 1) + ["serve", "\(services)", mode.rawValue],
                input: life.reading,
                output: answer.writing
            )
        }
        var byte: UInt8 = 0
        guard read(answer.reading, &byte, 1) == 1 else {
            throw BenchFailure("the server did not start")
        }
    }

    deinit {
        close(lifeline)
        // It has nothing left to do, and its result says nothing about what was measured.
        _ = try? process.wait()
    }

    /// The median of `count` connections from inside the namespace, in microseconds.
    func connect(_ address: UInt32, _ port: UInt16, _ count: Int) throws -> Double {
        let answer = try ChildProcess.ask(
            pinned(to: 0) + [
                "connect", "\(process.id)", "\(address)", "\(port)", "\(count)",
            ]
        )
        guard let median = Double(answer.filter { !$0.isWhitespace }) else {
            throw BenchFailure("the client said: \(answer)")
        }
        return median
    }
}
