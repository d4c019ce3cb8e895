import DaemonConfiguration
import Foundation
import Glibc
import Logging
import Testing

@testable import Running

/// Two daemons in one network namespace, of one state directory.
@Suite("DaemonLock")
struct DaemonLockTests {
    private let parent: String
    private let directory: String
    private let configuration: DaemonConfiguration
    private let log = LoopLog()

    init() {
        parent = FileManager.default.temporaryDirectory.path + "/fairlead-\(UUID().uuidString)"
        directory = parent + "/state"
        var configuration = DaemonConfiguration()
        configuration.sources.stateDirectory = directory
        self.configuration = configuration
    }

    private func removeDirectory() {
        try? FileManager.default.removeItem(atPath: parent)
    }

    private func take(_ patience: Duration = .zero) async throws -> DaemonLock? {
        let logger = Logger(label: "test") { [log] _ in LoopLog.Handler(log: log) }
        return try await DaemonLock.take(configuration, logger, patience: patience)
    }

    /// The lock's file; there is one.
    private func path() throws -> String {
        let files = try FileManager.default.contentsOfDirectory(atPath: directory)
        #expect(files.count == 1)
        return "\(directory)/\(try #require(files.first))"
    }

    @Test("It keeps no file open for writing, so that its file system can be made read-only")
    func reads() async throws {
        defer { removeDirectory() }
        var lock = try await take()
        let path = try path()
        let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
            .filter {
                let place = "/proc/self/fd/\($0)"
                return (try? FileManager.default.destinationOfSymbolicLink(atPath: place)) == path
            }
        #expect(descriptors.count == 1)
        for number in descriptors.compactMap({ Int32($0) }) {
            #expect(fcntl(number, F_GETFL) & O_ACCMODE == O_RDONLY)
        }
        lock.take()?.end()
    }

    @Test("The second is refused and told the first's process, until that has ended")
    func second() async throws {
        defer { removeDirectory() }
        var first = try await take()
        #expect(DaemonLock.holder(configuration)?.pid == Int(getpid()))
        let refusal = await #expect(throws: DaemonLock.Refusal.self) { _ = try await take() }
        let path = try path()
        #expect(
            refusal?.description
                == "another Fairlead daemon runs in this network namespace: process \(getpid()), which has locked \(path). Stop it first"
        )
        first.take()?.end()
        #expect(DaemonLock.holder(configuration) == nil)
        // The file is gone with its daemon.
        #expect(access(path, F_OK) != 0)
        var second = try await take()
        let isTaken = second != nil
        #expect(isTaken)
        second.take()?.end()
    }

    @Test("A file that kill -9 left behind keeps nobody out")
    func stale() async throws {
        defer { removeDirectory() }
        var first = try await take()
        let path = try path()
        first.take()?.end()
        // As of a process that runs, but is another program by now.
        try "1 \(UInt64.max)\n".write(toFile: path, atomically: false, encoding: .utf8)
        #expect(DaemonLock.holder(configuration) == nil)
        var second = try await take()
        let isTaken = second != nil
        #expect(isTaken && DaemonLock.holder(configuration)?.pid == Int(getpid()))
        second.take()?.end()
    }

    @Test("A daemon that is about to end is waited for, which is said once")
    func waiting() async throws {
        defer { removeDirectory() }
        var first = try await take()
        let path = try path()
        async let second: Bool = {
            var lock = try await take(.seconds(60))
            defer { lock.take()?.end() }
            return lock != nil
        }()
        while log.lines.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
        first.take()?.end()
        #expect(try await second)
        #expect(
            log.lines == [
                "Waiting for another daemon to end daemon=process \(getpid()) lock=\(path)"
            ]
        )
    }

    @Test("Another network namespace has another lock, and no state directory none")
    func others() async throws {
        defer { removeDirectory() }
        var first = try await take()
        var other = configuration
        // Any file names a namespace here.
        other.networkNamespace = "/proc/self/ns/uts"
        #expect(DaemonLock.holder(other) == nil)
        other.sources.stateDirectory = nil
        #expect(DaemonLock.holder(other) == nil)
        first.take()?.end()
    }

    @Test("Without a file the daemon runs, and says what is not known")
    func noFile() async throws {
        defer { removeDirectory() }
        try FileManager.default.createDirectory(
            atPath: parent,
            withIntermediateDirectories: true
        )
        #expect(FileManager.default.createFile(atPath: directory, contents: nil))
        let lock = try await take()
        let isTaken = lock != nil
        #expect(!isTaken)
        #expect(log.lines.count == 1)
        #expect(log.lines.first?.hasPrefix("Whether another daemon runs is not known") == true)
    }
}
