import Addressing
import DaemonConfiguration
import DataplaneModel
import Foundation
import Glibc
import HTTPServing
import Logging
import Reconciling
import Testing

@testable import Observability
@testable import Running

/// What the daemon listens on, and which signals it takes.
@Suite("Listening", .timeLimit(.minutes(10)))
struct ListeningTests {
    private static func waits(until condition: () async -> Bool) async throws {
        while !(await condition()) { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test("A failure to listen is logged, and so is its end; a deleted socket comes back")
    func recovery() async throws {
        let directory =
            FileManager.default.temporaryDirectory.path + "/fairlead-listen-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: directory) }
        // In the way.
        try Data().write(to: URL(fileURLWithPath: directory + "/socket"))
        var configuration = DaemonConfiguration()
        configuration.mode = .nftables
        configuration.health.address = nil
        configuration.metrics.address = nil
        configuration.status.socket = directory + "/socket"
        let view = DaemonView(configuration, families: [.ipv4])
        let log = LoopLog()
        let logger = Logger(label: "test") { [log] _ in LoopLog.Handler(log: log) }
        try await view.listen()
        let keeping = Task { await view.keepListening(logger) }
        try await Self.waits { log.lines.contains { $0.hasPrefix("Failed to listen") } }
        unlink(directory + "/socket")
        view.updateListeners.yield()
        try await Self.waits { log.lines.contains("Listening again server=status") }
        unlink(directory + "/socket")
        view.updateListeners.yield()
        try await Self.waits { access(directory + "/socket", F_OK) == 0 }
        view.publish { $0.configuration.status.socket = directory + "/other" }
        view.updateListeners.yield()
        try await Self.waits { access(directory + "/other", F_OK) == 0 }
        #expect(access(directory + "/socket", F_OK) != 0)
        keeping.cancel()
        await keeping.value
        #expect(log.lines.count == 2)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [])
    }

    @Test("A hangup asks for a reload, also one that came before anything listened")
    func hangup() async throws {
        let mailbox = Mailbox()
        let former = EarlySignals.hold()
        defer { former.restore() }
        kill(getpid(), SIGHUP)
        let signals = Signals([SIGHUP], into: mailbox)
        defer { signals.cancel() }
        guard case .reload(.signal) = await mailbox.next() else {
            Issue.record("no reload for what came before")
            return
        }
        let sending = Task {
            while !Task.isCancelled {
                kill(getpid(), SIGHUP)
                try await Task.sleep(for: .milliseconds(5))
            }
        }
        if case .reload(.signal) = await mailbox.next() {} else { Issue.record("no reload") }
        sending.cancel()
        // None comes after the end of the source, which would end the tests.
        _ = await sending.result
    }
}
