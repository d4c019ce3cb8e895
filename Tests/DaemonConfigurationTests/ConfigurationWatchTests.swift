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
        var changes = self.changes.makeAsyncIterator()
        try write("mode: nftables")
        #expect(await changes.next() != nil)
        try write("mode: iptables", to: "\(directory)/new")
        try #require(rename("\(directory)/new", file) == 0)
        #expect(await changes.next() != nil)
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
        var changes = self.changes.makeAsyncIterator()
        try #require(symlink("..2", "\(directory)/..data_tmp") == 0)
        try #require(rename("\(directory)/..data_tmp", "\(directory)/..data") == 0)
        try FileManager.default.removeItem(atPath: "\(directory)/..1")
        #expect(await changes.next() != nil)
    }

    @Test("A file that appears", .timeLimit(.minutes(10)))
    func appearance() async throws {
        defer { remove() }
        var changes = self.changes.makeAsyncIterator()
        try write("mode: ipvs")
        #expect(await changes.next() != nil)
    }

    @Test("Once the file keeps still, checks wait for events; a change ends that")
    func rest() throws {
        defer { remove() }
        try write("mode: ipvs")
        var watcher = ConfigurationWatch.Watcher(path: file)
        // Events begin with this check and count from the next one on, which sees what came before them.
        var last = watcher.check()
        #expect(!last.hasChanged && last.events == nil)
        for mode in ["nftables", "ipvs"] {
            var events = pollfd(fd: -1, events: Int16(POLLIN), revents: 0)
            for _ in 0..<3 {
                let next = watcher.check()
                events.fd = try #require(next.events)
                #expect(!next.hasChanged && poll(&events, 1, 0) == 0)
            }
            try write("mode: \(mode)")
            #expect(poll(&events, 1, 0) == 1)
            let moved = watcher.check()
            #expect(!moved.hasChanged && moved.events == nil)
            last = watcher.check()
            #expect(last.hasChanged && last.events == nil)
        }
    }

    @Test("The same text again is no change")
    func noChange() throws {
        defer { remove() }
        try write("mode: ipvs")
        var observer = ConfigurationWatch.Observer(path: file)
        // The first look after a change sees that the file moves, the second that it keeps still.
        func seesChange() -> Bool { (1...3).map { _ in observer.look() }.contains(true) }
        try write("mode: ipvs")
        #expect(!seesChange())
        try write("mode: nftables")
        #expect(seesChange())
        #expect(!seesChange())
    }

    @Test("A file that stays away is one change, and its return another")
    func removal() throws {
        defer { remove() }
        var observer = ConfigurationWatch.Observer(path: file)
        func changes() -> Int { (1...5).filter { _ in observer.look() }.count }
        // What was never there is not gone.
        #expect(changes() == 0)
        try write("mode: ipvs")
        #expect(changes() == 1)
        try FileManager.default.removeItem(atPath: file)
        #expect(changes() == 1)
        #expect(changes() == 0)
        // A reload of the missing file was refused, and only another one shows that this is over.
        try write("mode: ipvs")
        #expect(changes() == 1)
        #expect(changes() == 0)
    }

    @Test("A pipe in its place is a change, and the same file again another")
    func pipe() throws {
        defer { remove() }
        try write("mode: ipvs")
        var observer = ConfigurationWatch.Observer(path: file)
        func changes() -> Int { (1...5).filter { _ in observer.look() }.count }
        try FileManager.default.removeItem(atPath: file)
        try #require(mkfifo(file, 0o600) == 0)
        #expect(changes() == 1)
        #expect(changes() == 0)
        try FileManager.default.removeItem(atPath: file)
        try write("mode: ipvs")
        #expect(changes() == 1)
        #expect(changes() == 0)
    }

    @Test("A file that is removed and written again within two checks is not gone")
    func replacement() throws {
        defer { remove() }
        try write("mode: ipvs")
        var observer = ConfigurationWatch.Observer(path: file)
        func look() -> Bool { observer.look() }
        for _ in 0..<10 {
            try FileManager.default.removeItem(atPath: file)
            #expect(!look() && !look())
            try write("mode: ipvs")
            #expect(!look() && !look())
        }
    }
}
