import ArgumentParser
import Glibc
import KubernetesAPI
import KubernetesClient
import Logging
import PrintableText
import ServiceModel

/// Follows an API server until the first snapshot, in a process of its own, so that memory is that
/// of the size. Prints the seconds from connecting to the snapshot, CPU seconds and peak MiB.
struct KubernetesFollowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kubernetes-follow",
        shouldDisplay: false
    )

    @Argument var port: Int
    @Argument var size: String
    @Argument var type: String

    func run() throws {
        guard let workload = Workload(size) else { throw BenchFailure("\(size) is not a size") }
        var settings = KubernetesSource.Settings(
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
        )
        settings.contentType = type == "json" ? .json : .protobuf
        settings.nodeName = "node"
        let server = ServerAddress(usesTLS: false, host: "127.0.0.1", port: port)
        let (cost, found) = try Cost.of { [settings] in
            try Waiting.value {
                let source = try KubernetesSource(
                    settings,
                    access: ClusterAccess(servers: [server])
                )
                var updates = source.updates().makeAsyncIterator()
                let snapshot = await updates.next()?.update.snapshot
                await source.stop()
                return (snapshot?.services.count, snapshot?.slices.count, snapshot?.issues.count)
            }
        }
        guard found == (workload.services, workload.services, 0) else {
            throw BenchFailure("not everything came: \(found)")
        }
        print(cost.wall, cost.cpu, peakResidentMiB())
    }
}

extension KubernetesCommand {
    /// From connecting to the first snapshot, through a loopback socket from another process.
    func printSnapshots() throws {
        var table = TextTable(["connect to snapshot", "MB", "s", "CPU s", "peak MiB"])
        for size in sizes {
            let (input, hold) = try Pipe.open()
            let (reading, writing) = try Pipe.open()
            let server = try ChildProcess(
                [ChildProcess.bench, "kubernetes-serve", size],
                input: input,
                output: writing
            )
            close(input)
            close(writing)
            let answer = Pipe.readAll(reading).split(separator: " ").compactMap {
                Int($0.filter(\.isNumber))
            }
            close(reading)
            guard answer.count == 3 else { throw BenchFailure("kubernetes-serve did not start") }
            for (index, type) in ["protobuf", "json"].enumerated() {
                let numbers = try ChildProcess.ask([
                    ChildProcess.bench, "kubernetes-follow", "\(answer[0])", size, type,
                ]).split(separator: " ").compactMap { Double($0.filter { $0 != "\n" }) }
                guard numbers.count == 3 else { throw BenchFailure("kubernetes-follow failed") }
                table.rows.append([
                    "\(size) \(type)", (Double(answer[1 + index]) / 1e6).text(1),
                    numbers[0].text(2), numbers[1].text(2), numbers[2].text(1),
                ])
            }
            close(hold)
            try server.wait()
        }
        print(table.markdown)
    }
}
