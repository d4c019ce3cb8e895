import Foundation
package import NamespaceLab

/// Source ports of a lab's clients, reserved in turn: no client uses a port again before it has
/// used all others.
///
/// A port that comes back too soon meets what is left of its earlier connection: in IPVS's table,
/// in connection tracking, or as TIME_WAIT at the server.
package struct LabPorts: Sendable {
    /// As in `LabTraffic.PortCycle`.
    package static let range: ClosedRange<Int> = 1024...60_999
    /// A client skips ports of its own servers.
    private static let spare = 16

    private let directory: String

    /// `directory`: where each client's next port is kept, in a file `CLIENT.port`.
    package init(directory: String) { self.directory = directory }

    /// The first of `count` ports in a row that `client` has not used for the longest time; after
    /// the last port of the range comes the first one again.
    ///
    /// Throws if the file with the client's next port cannot be locked or written.
    package func reserve(_ count: Int, for client: String) throws(LabError) -> Int {
        let path = "\(directory)/\(client).port"
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw LabError("\(path): cannot be opened (errno \(errno))") }
        defer { close(file) }
        // Two commands may start connections from one client at the same time.
        guard flock(file, LOCK_EX) == 0 else {
            throw LabError("\(path): cannot be locked (errno \(errno))")
        }
        var buffer = [UInt8](repeating: 0, count: 16)
        let length = max(0, pread(file, &buffer, buffer.count, 0))
        let known = Int(String(decoding: buffer[..<length], as: UTF8.self))
        let first = known.flatMap { Self.range.contains($0) ? $0 : nil } ?? Self.range.lowerBound
        let next = (first - Self.range.lowerBound + count + Self.spare) % Self.range.count
        let text = Array("\(Self.range.lowerBound + next)".utf8)
        guard ftruncate(file, 0) == 0, pwrite(file, text, text.count, 0) == text.count else {
            throw LabError("\(path): cannot be written (errno \(errno))")
        }
        return first
    }
}

extension LabCluster {
    /// Starts connections from a member of the lab, each from a port that it has not used for the
    /// longest time, by a client in `cgroup`, if one is given.
    package func batch(
        _ requests: [LabAgent.Request],
        from member: String,
        cgroup: String? = nil
    ) throws(LabError) -> LabBatch {
        let count = requests.reduce(0) { $0 + $1.count }
        let port = try LabPorts(directory: home.directory).reserve(count, for: member)
        return try agent.batch(
            requests,
            fromPort: port,
            in: shape.namespace(member),
            cgroup: cgroup
        )
    }
}
