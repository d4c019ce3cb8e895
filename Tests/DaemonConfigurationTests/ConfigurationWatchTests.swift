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

    /// How many changes are told while `body` runs and for some time after.
    private func changes(_ path: String, _ body: () async throws -> Void) async throws -> Int {
        let watch = ConfigurationWatch(path: path, interval: .milliseconds(20))
        let stream = watch.changes()
        let counter = Task {
            var count = 0
            for await _ in stream { count += 1 }
            return count
        }
        try await Task.sleep(for: .milliseconds(60))
        try await body()
        try await Task.sleep(for: .milliseconds(400))
        counter.cancel()
        try FileManager.default.removeItem(atPath: directory)
        return await counter.value
    }

    private func write(_ text: String, to path: String? = nil) throws {
        let handle = try #require(fopen(path ?? file, "w"))
        fputs(text, handle)
        fclose(handle)
    }

    @Test("Written in place, and renamed over")
    func writing() async throws {
        try write("mode: ipvs")
        let count = try await changes(file) {
            try write("mode: nftables")
            try await Task.sleep(for: .milliseconds(300))
            try write("mode: iptables", to: "\(directory)/new")
            try #require(rename("\(directory)/new", file) == 0)
        }
        #expect(count == 2)
    }

    @Test("Behind a link that is turned, as in a ConfigMap's directory")
    func configMap() async throws {
        for (version, mode) in [("..1", "ipvs"), ("..2", "nftables")] {
            try FileManager.default.createDirectory(
                atPath: "\(directory)/\(version)",
                withIntermediateDirectories: true
            )
            try write("mode: \(mode)", to: "\(directory)/\(version)/fairlead.yaml")
        }
        try #require(symlink("..1", "\(directory)/..data") == 0)
        try #require(symlink("..data/fairlead.yaml", file) == 0)
        let count = try await changes(file) {
            try #require(symlink("..2", "\(directory)/..data_tmp") == 0)
            try #require(rename("\(directory)/..data_tmp", "\(directory)/..data") == 0)
            try FileManager.default.removeItem(atPath: "\(directory)/..1")
        }
        #expect(count == 1)
    }

    @Test("Neither the same text again nor a file that is gone is a change")
    func noChange() async throws {
        try write("mode: ipvs")
        let count = try await changes(file) {
            try write("mode: ipvs")
            try await Task.sleep(for: .milliseconds(100))
            try FileManager.default.removeItem(atPath: file)
            try await Task.sleep(for: .milliseconds(100))
            try write("mode: ipvs")
        }
        #expect(count == 0)
    }

    @Test("A file that appears is one")
    func appearance() async throws {
        let count = try await changes(file) { try write("mode: ipvs") }
        #expect(count == 1)
    }
}
