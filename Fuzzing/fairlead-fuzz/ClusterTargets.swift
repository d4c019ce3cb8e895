import Glibc
import KubernetesAPI

@testable import KubernetesClient

/// What comes from API servers, and what was saved of it.
let clusterTargets = [
    FuzzTarget("api-protobuf") { APIInput($0, .protobuf)?.run() },
    FuzzTarget("api-json") { APIInput($0, .json)?.run() },
    FuzzTarget("state-file", readStateFile),
]

/// Two bytes that choose a decoder and how the bytes are cut, then what is decoded.
private struct APIInput {
    private let resource: KubernetesResource
    private let mediaType: APIMediaType
    private let kind: UInt8
    private let pieceBytes: Int
    private let bytes: [UInt8]

    init?(_ data: [UInt8], _ mediaType: APIMediaType) {
        guard data.count >= 2 else { return nil }
        let all = KubernetesResource.allCases
        resource = all[Int(data[0] & 3) % all.count]
        self.mediaType = mediaType
        kind = data[0] >> 3 & 3
        pieceBytes = Int(data[1]) + 1
        bytes = Array(data.dropFirst(2))
    }

    /// Whole and in pieces the bytes mean the same, or are an error in both.
    func run() {
        switch kind {
        case 0: _ = decodeStatus(bytes, mediaType: mediaType)
        case 1:
            let events = try? watch(bytes.count)
            precondition(events == (try? watch(pieceBytes)), "a watch depends on its pieces")
        default:
            let objects = try? list(bytes.count)
            precondition(objects == (try? list(pieceBytes)), "a list depends on its pieces")
        }
    }

    private func list(_ pieceBytes: Int) throws -> [APIObject] {
        var decoder = ListDecoder(resource: resource, mediaType: mediaType)
        var objects: [APIObject] = []
        for piece in pieces(pieceBytes) { objects += try decoder.feed(piece.span) }
        _ = try decoder.finish()
        return objects
    }

    private func watch(_ pieceBytes: Int) throws -> [WatchEvent] {
        var decoder = WatchDecoder(resource: resource, mediaType: mediaType)
        var events: [WatchEvent] = []
        for piece in pieces(pieceBytes) { events += try decoder.feed(piece.span) }
        try decoder.finish()
        return events
    }

    private func pieces(_ count: Int) -> [ArraySlice<UInt8>] {
        stride(from: 0, to: bytes.count, by: max(count, 1)).map {
            bytes[$0..<min($0 + max(count, 1), bytes.count)]
        }
    }
}

/// As the file's bytes with the first byte 0. Else as the bodies of records, each behind two bytes with its
/// length, for which head, lengths and checksums are made: no input made up has right ones.
private func readStateFile(_ data: [UInt8]) {
    guard let first = data.first else { return }
    let path = "/dev/shm/fairlead-fuzz.\(getpid())"
    var content = Array(data.dropFirst())
    if first != 0 { content = stateFile(content[...]) }
    // Emptied each time, and removed by the script.
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    precondition(file >= 0 && write(file, content, content.count) == content.count)
    close(file)
    guard let read = try? ClusterFile(path, DecodingSettings()).read(services: true) else { return }
    // What was read can be saved, and is the same when it is read again.
    var again = ClusterRecording()
    do {
        for record in [read.recording.facts] + read.recording.names.map(read.recording.record) {
            var bytes: [UInt8] = []
            try record.append(to: &bytes)
            again.apply(try ClusterRecord(bytes.dropFirst(ClusterRecord.headerLength)))
        }
    } catch {
        preconditionFailure("what was read cannot be saved: \(error)")
    }
    precondition(again == read.recording, "a saved state differs")
}

private func stateFile(_ bodies: ArraySlice<UInt8>) -> [UInt8] {
    var rest = bodies
    var bytes = Array("fairlead-cluster 2 \n".utf8)
    func add(_ body: ArraySlice<UInt8>) {
        let sum = ClusterRecord.checksum(body)
        bytes += (0..<4).map { UInt8(truncatingIfNeeded: body.count >> (8 * (3 - $0))) }
        bytes += (0..<8).map { UInt8(truncatingIfNeeded: sum >> (8 * UInt64(7 - $0))) }
        bytes += body
    }
    while rest.count > 2 {
        let length = Int(rest.removeFirst()) << 8 | Int(rest.removeFirst())
        add(rest.prefix(length))
        rest = rest.dropFirst(length)
    }
    var end: [UInt8] = []
    // Never fails: it has no objects.
    _ = try? ClusterRecord.baseEnd.append(to: &end)
    return bytes + end
}
