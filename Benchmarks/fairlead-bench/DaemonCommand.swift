import ArgumentParser
import Glibc

/// The whole daemon, from an API server's socket to packets: what its users get.
struct DaemonCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daemon",
        abstract: "The whole daemon behind an API server: start, changes, rest, restart, memory."
    )

    @Argument(help: "Services x endpoints.")
    var sizes = ["5000x10"]

    @Option(name: .customLong("mode"), help: "iptables or nftables; may be given twice.")
    var modes: [DaemonMode] = [.nftables, .iptables]

    @Option(help: "Endpoint changes, ten a second.")
    var changes = 200

    @Option(help: "Seconds of rest that are measured.")
    var rest = 20

    func validate() throws {
        try Workload.requireSizes(sizes)
        guard changes > 0, rest > 0 else {
            throw ValidationError("--changes and --rest are positive numbers")
        }
    }

    func run() throws {
        print(Machine.description)
        for size in sizes {
            var figures: [(mode: DaemonMode, figures: DaemonFigures)] = []
            for mode in modes {
                let answer = try ChildProcess.ask([
                    ChildProcess.bench, "daemon-size", size, mode.rawValue, "\(changes)", "\(rest)",
                ])
                figures.append((mode, try DaemonFigures(answer)))
            }
            print("\n" + DaemonReport(size: size, rest: rest, figures: figures).text)
        }
    }
}

enum DaemonMode: String, ExpressibleByArgument {
    case iptables, nftables
}

/// Measures one size and mode in a process and a namespace of its own.
struct DaemonSizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daemon-size",
        shouldDisplay: false
    )

    /// The first rest, in which what a start leaves to do is done.
    private static let settling: UInt32 = 5

    @Argument var size: String
    @Argument var mode: DaemonMode
    @Argument var changes: Int
    @Argument var rest: Int

    func run() throws {
        guard let workload = Workload(size) else { throw BenchFailure("\(size) is not a size") }
        let cluster = try BenchCluster(workload)
        defer { cluster.remove() }
        var figures = DaemonFigures()
        let daemon = try BenchDaemon(mode, cluster)
        try start(daemon, cluster, &figures)
        try change(daemon, cluster, &figures)
        try burst(daemon, cluster, &figures)
        try rest(daemon, &figures)
        try daemon.stop()
        try restart(cluster, &figures)
        print(figures.text)
    }

    private func start(
        _ daemon: BenchDaemon,
        _ cluster: BenchCluster,
        _ figures: inout DaemonFigures
    ) throws {
        for service in cluster.landmarks { try cluster.probe.waitForAnswer(of: service) }
        figures[.startWall] = daemon.age
        figures[.startCPU] = daemon.cpu
        figures[.firstChange] = try cluster.timeChange(0)
        sleep(Self.settling)
        figures[.steadyMiB] = try daemon.memory("VmRSS")
        figures[.peakMiB] = try daemon.memory("VmHWM")
    }

    /// One endpoint each, at a steady rate.
    private func change(
        _ daemon: BenchDaemon,
        _ cluster: BenchCluster,
        _ figures: inout DaemonFigures
    ) throws {
        let cpu = daemon.cpu
        let written = try daemon.writtenBytes()
        var times: [Double] = []
        for index in 0..<changes {
            let began = Cost.seconds(CLOCK_MONOTONIC)
            times.append(try cluster.timeChange(index))
            let rest = 0.1 - (Cost.seconds(CLOCK_MONOTONIC) - began)
            if rest > 0 { usleep(UInt32(rest * 1e6)) }
        }
        times.sort()
        figures[.changeMedian] = times[times.count / 2]
        figures[.changeP99] = times[times.count * 99 / 100]
        figures[.changeWorst] = times[times.count - 1]
        figures[.changeCPU] = (daemon.cpu - cpu) / Double(changes)
        figures[.changeBytes] = Double(try daemon.writtenBytes() - written) / Double(changes)
    }

    private func burst(
        _ daemon: BenchDaemon,
        _ cluster: BenchCluster,
        _ figures: inout DaemonFigures
    ) throws {
        sleep(Self.settling)
        let cpu = daemon.cpu
        figures[.burstWall] = try cluster.timeBurst()
        figures[.burstCPU] = daemon.cpu - cpu
    }

    private func rest(_ daemon: BenchDaemon, _ figures: inout DaemonFigures) throws {
        sleep(Self.settling)
        let cpu = daemon.cpu
        sleep(UInt32(rest))
        figures[.restCPU] = daemon.cpu - cpu
        figures[.afterMiB] = try daemon.memory("VmRSS")
    }

    /// With the rules in place and one change missed.
    private func restart(_ cluster: BenchCluster, _ figures: inout DaemonFigures) throws {
        let missed = cluster.changeEndpoint(0)
        let daemon = try BenchDaemon(mode, cluster)
        try cluster.probe.waitForAnswer(of: cluster.probes[0], from: missed)
        figures[.restartWall] = daemon.age
        figures[.restartCPU] = daemon.cpu
        figures[.restartOperations] = Double(try daemon.firstPassOperations())
        try daemon.stop()
    }
}
