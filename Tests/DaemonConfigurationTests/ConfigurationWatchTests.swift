import DaemonConfiguration
import Foundation
import Testing

@Suite("Configuration watch", .serialized)
struct ConfigurationWatchTests {
    private let directory =
        FileManager.default.temporaryDirectory.path
        + "/fairlead-watch-\(UUID().uuidString)"
    private var file: String { "\(directory)/fairlead.yaml" }

    init() throws {
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
    }

    private var changes: AsyncStream<Void> {
        ConfigurationWatch(path: file, interval: .milliseconds(20)).changes()
    }

    private func write(_ text: String, to path: String? = nil) throws {
        let handle = try #require(fopen(path ?? file, "w"))
        fputs(text, handle)
        fclose(handle)
    }

    private func remove() { try? FileManager.default.removeItem(atPath: directory) }

    @Test("Written in place, and renamed over", .timeLimit(.minutes(10)))
    func writing() async throws {
        defer { remove() }
        try write("mode: ipvs")
        var told = changes.makeAsyncIterator()
        try write("mode: nftables")
        #expect(await told.next() != nil)
        try write("mode: iptables", to: "\(directory)/new")
        try #require(rename("\(directory)/new", file) == 0)
        #expect(await told.next() != nil)
    }

    @Test("Behind a link that is turned, as in a ConfigMap's directory", .timeLimit(.minutes(10)))
    func configMap() async throws {
        defer { remove() }
        for (version, mode) in [("..1", "ipvs"), ("..2", "nftables")] {
            try FileManager.default.createDirectory(
                atPath: "\(directory)/\(version)",
                withIntermediateDirectories: true
            )
            try write("mode: \(mode)", to: "\(directory)/\(version)/fairlead.yaml")
        }
        try #require(symlink("..1", "\(directory)/..data") == 0)
        try #require(symlink("..data/fairlead.yaml", file) == 0)
        var told = changes.makeAsyncIterator()
        try #require(symlink("..2", "\(directory)/..data_tmp") == 0)
        try #require(rename("\(directory)/..data_tmp", "\(directory)/..data") == 0)
        try FileManager.default.removeItem(atPath: "\(directory)/..1")
        #expect(await told.next() != nil)
    }

    @Test("A file that appears", .timeLimit(.minutes(10)))
    func appearance() async throws {
        defer { remove() }
        var told = changes.makeAsyncIterator()
        try write("mode: ipvs")
        #expect(await told.next() != nil)
    }

    @Test("Neither the same text again nor a file that is gone is a change")
    func noChange() async throws {
        defer { remove() }
        try write("mode: ipvs")
        let counter = Task { [changes] in
            var count = 0
            for await _ in changes { count += 1 }
            return count
        }
        try write("mode: ipvs")
        try await Task.sleep(for: .milliseconds(200))
        try FileManager.default.removeItem(atPath: file)
        try await Task.sleep(for: .milliseconds(200))
        try write("mode: ipvs")
        try await Task.sleep(for: .milliseconds(200))
        counter.cancel()
        #expect(await counter.value == 0)
    }
}
