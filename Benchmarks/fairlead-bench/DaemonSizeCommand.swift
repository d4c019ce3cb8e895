import ArgumentParser
import Glibc

/// Measures one size and mode in a process and a namespace of its own.
struct DaemonSizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daemon-size",
        shouldDisplay: false
    )

    /// Seconds in which what a step leaves to do is done.
    private static let settling: UInt32 = 5
    /// Seconds from one lone change in force to the next: a daemon that rests after work has rested.
    private static let pause: UInt32 = 1_200_000

    @Argument var size: String
    @Argument var mode: DaemonMode
    @Argument var changes: Int
    @Argument var rate: Int
    @Argument var lone: Int
    @Argument var rest: Int
    @Option var peer: String?

    func run() throws {
        guard let workload = Workload(size) else { throw BenchFailure("\(size) is not a size") }
        let cluster = try BenchCluster(workload)
        defer { cluster.remove() }
        var figures = DaemonFigures()
        let daemon = try start(cluster)
        do {
            try start(daemon, cluster, &figures)
            let written = try daemon.account().bytes
            try changeRarely(daemon, cluster, &figures)
            try changeOften(daemon, cluster, &figures)
            try burst(daemon, cluster, &figures)
            try rest(daemon, &figures)
            let all = Double(lone + changes + cluster.burst)
            figures[.changeBytes] = try (daemon.account().bytes - written) / all
            try flush(daemon, cluster, &figures)
            figures[.peakMiB] = try daemon.memory("VmHWM")
            try daemon.stop()
            try restart(cluster, &figures)
            try restartWithNothingMissed(cluster, &figures)
        } catch {
            Bench.note("the end of its log:\n\(daemon.lastLines)")
            throw error
        }
        print(figures.text)
    }

    private func start(_ cluster: BenchCluster, logsAll: Bool = false) throws -> BenchDaemon {
        let daemon = try BenchDaemon(mode, cluster, peer: peer, logsAll: logsAll)
        cluster.probe.guardian = { try daemon.requireRunning() }
        return daemon
    }

    private func start(
        _ daemon: BenchDaemon,
        _ cluster: BenchCluster,
        _ figures: inout DaemonFigures
    ) throws {
        for service in cluster.landmarks { try cluster.probe.waitForAnswer(of: service) }
        figures[.startWall] = daemon.age
        figures[.startCPU] = try daemon.cpu()
        figures[.firstChange] = try cluster.timeChange()
        sleep(Self.settling)
        figures[.steadyMiB] = try daemon.memory("VmRSS")
        figures[.startPeakMiB] = try daemon.memory("VmHWM")
    }

    /// One endpoint each, with the daemon at rest before.
    private func changeRarely(
        _ daemon: BenchDaemon,
        _ cluster: BenchCluster,
        _ figures: inout DaemonFigures
    ) throws {
        let before = try daemon.account()
        var times: [Double] = []
        for _ in 0..<lone {
            times.append(try cluster.timeChange())
            usleep(Self.pause)
        }
        times.sort()
        let work = try daemon.account() - before
        figures[.loneMedian] = times[times.count / 2]
        figures[.loneWorst] = times[times.count - 1]
        figures[.loneCPU] = work.cpu / Double(lone)
        figures[.loneOperations] = work.operations.map { $0 / Double(lone) }
    }

    /// One endpoint each, at a steady rate.
    private func changeOften(
        _ daemon: BenchDaemon,
        _ cluster: BenchCluster,
        _ figures: inout DaemonFigures
    ) throws {
        let before = try daemon.account()
        let times = try cluster.timeChanges(changes, every: 1 / Double(rate)).sorted()
        sleep(Self.settling)
        let work = try daemon.account() - before
        figures[.changeMedian] = times[times.count / 2]
        figures[.changeP99] = times[times.count * 99 / 100]
        figures[.changeWorst] = times[times.count - 1]
        figures[.changeCPU] = work.cpu / Double(changes)
        figures[.changeOperations] = work.operations.map { $0 / Double(changes) }
    }

    private func burst(
        _ daemon: BenchDaemon,
        _ cluster: BenchCluster,
        _ figures: inout DaemonFigures
    ) throws {
        let before = try daemon.account()
        figures[.burstWall] = try cluster.timeBurst()
        sleep(Self.settling)
        figures[.burstCPU] = try (daemon.account() - before).cpu
    }

    /// From the end of settling after the last change on.
    private func rest(_ daemon: BenchDaemon, _ figures: inout DaemonFigures) throws {
        let before = try daemon.account()
        sleep(UInt32(rest))
        let work = try daemon.account() - before
        figures[.restCPU] = work.cpu
        figures[.afterMiB] = try daemon.memory("VmRSS")
    }

    /// Another program empties what the daemon has programmed. kube-proxy looks only now and then.
    private func flush(
        _ daemon: BenchDaemon,
        _ cluster: BenchCluster,
        _ figures: inout DaemonFigures
    ) throws {
        guard peer == nil else { return }
        let command = mode.flush(lockFile: BenchDaemon.lockFile(cluster))
        let before = try daemon.account()
        var times: [Double] = []
        for _ in 0..<DaemonSteps.flushes {
            let began = Cost.seconds(CLOCK_MONOTONIC)
            try ChildProcess(command).wait()
            for service in cluster.landmarks { try cluster.probe.waitForAnswer(of: service) }
            times.append(Cost.seconds(CLOCK_MONOTONIC) - began)
            sleep(Self.settling)
        }
        times.sort()
        figures[.flushMedian] = times[times.count / 2]
        figures[.flushWorst] = times[times.count - 1]
        let work = try daemon.account() - before
        figures[.flushCPU] = work.cpu / Double(times.count)
    }

    /// With the rules in place and one change missed.
    private func restart(_ cluster: BenchCluster, _ figures: inout DaemonFigures) throws {
        let missed = cluster.changeEndpoint()
        let daemon = try start(cluster)
        try cluster.waitUntilInForce(missed)
        figures[.restartWall] = daemon.age
        figures[.restartCPU] = try daemon.cpu()
        figures[.restartOperations] = try daemon.firstPassOperations()
        try daemon.stop()
    }

    /// What the first pass sends where all is right already.
    private func restartWithNothingMissed(
        _ cluster: BenchCluster,
        _ figures: inout DaemonFigures
    ) throws {
        guard peer == nil else { return }
        let daemon = try start(cluster, logsAll: true)
        figures[.idleRestartOperations] = try daemon.firstPassOperations()
        try daemon.stop()
    }
}
