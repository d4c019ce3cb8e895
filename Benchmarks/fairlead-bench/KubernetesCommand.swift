import ArgumentParser
import KubernetesAPI
import PrintableText
import ServiceModel

/// Everything about the API server as a source.
struct KubernetesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kubernetes",
        abstract: "Decoding what an API server sends, and following one."
    )

    private static let protobufGoal = 150.0
    private static let memoryGoal = (size: "5000x10", mebibytes: 100.0)

    @Argument(help: "Services x endpoints.")
    var sizes = ["1000x10", "5000x10", "10000x10"]

    func validate() throws { try Workload.requireSizes(sizes) }

    func run() throws {
        print(Machine.description)
        try printDecoding()
        try printSnapshots()
    }

    /// Lists of Services and of slices, decoded and put into the store; each in a process of its own.
    private func printDecoding() throws {
        var table = TextTable([
            "decoding", "MB", "CPU s", "MB/s per core", "peak MiB", "goals",
        ])
        for size in sizes {
            for type in ["protobuf", "json"] {
                let answer = try ChildProcess.ask([
                    ChildProcess.bench, "kubernetes-decode", size, type,
                ])
                let numbers = answer.split(whereSeparator: \.isWhitespace).compactMap {
                    Double($0)
                }
                guard numbers.count == 3 else {
                    throw BenchFailure("kubernetes-decode answered \(answer)")
                }
                let rate = numbers[0] / numbers[1] / 1e6
                var verdicts: [String] = []
                if type == "protobuf" {
                    verdicts.append("150 MB/s \(rate >= Self.protobufGoal ? "met" : "missed")")
                    if size == Self.memoryGoal.size {
                        let isMet = numbers[2] < Self.memoryGoal.mebibytes
                        verdicts.append("100 MiB \(isMet ? "met" : "missed")")
                    }
                }
                table.rows.append([
                    "\(size) \(type)", (numbers[0] / 1e6).text(1), numbers[1].text(2),
                    rate.text(0), numbers[2].text(1), verdicts.joined(separator: ", "),
                ])
            }
        }
        print(table.markdown)
    }
}

/// Measures one size in a process of its own, so that memory is that of the size. Prints bytes,
/// CPU seconds and peak MiB.
struct KubernetesDecodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kubernetes-decode",
        shouldDisplay: false
    )

    /// What a read from the connection brings.
    private static let pieceBytes = 64 << 10

    @Argument var size: String
    @Argument var type: String

    func run() throws {
        guard let workload = Workload(size) else { throw BenchFailure("\(size) is not a size") }
        let bodies = APIBodies(services: workload.services, endpoints: workload.endpoints)
        let mediaType = type == "json" ? APIMediaType.json : .protobuf
        var store = KubernetesStore(nodeName: "node", startTime: APITime(seconds: 0))
        var bytes = 0
        var cpu = 0.0
        for resource in [KubernetesResource.services, .endpointSlices] {
            var decoder = ListDecoder(resource: resource, mediaType: mediaType)
            var objects: [APIObject] = []
            var piece: [UInt8] = []
            func feed() throws {
                let (cost, _) = try Cost.of { objects += try decoder.feed(piece.span) }
                cpu += cost.cpu
                bytes += piece.count
                piece.removeAll(keepingCapacity: true)
            }
            try bodies.list(resource, mediaType) { more in
                piece += more
                if piece.count >= Self.pieceBytes { try feed() }
            }
            try feed()
            let (cost, _) = try Cost.of {
                _ = try decoder.finish()
                _ = store.replace(resource, with: objects)
            }
            cpu += cost.cpu
        }
        guard store.snapshot.services.count == workload.services, store.snapshot.issues.isEmpty,
            store.snapshot.slices.count == workload.services
        else { throw BenchFailure("not everything was decoded: \(store.snapshot.issues)") }
        print(bytes, cpu, peakResidentMiB())
    }
}
