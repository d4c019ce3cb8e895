import Foundation
import SystemCalls
import Testing

@Suite("Events of a path")
struct PathEventsTests {
    private let directory =
        FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path
        + "/fairlead-path-\(UUID().uuidString)"

    private func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
    }

    private func make(_ name: String) throws {
        try FileManager.default.createDirectory(
            atPath: "\(directory)/\(name)",
            withIntermediateDirectories: true
        )
    }

    private func move(_ from: String, _ to: String) throws {
        try #require(rename("\(directory)/\(from)", "\(directory)/\(to)") == 0)
    }

    /// Links that lead over two directories to `real/file`.
    private func prepare() throws {
        try make("real")
        try make("other")
        try write("1", to: "real/file")
        try write("2", to: "other/file")
        try #require(symlink("real", "\(directory)/..data") == 0)
        try make("links")
        try #require(symlink("../..data/./file", "\(directory)/links/file") == 0)
    }

    private enum Change: String, CaseIterable {
        case written, replaced, removed, touched
        case linkTurned, directoryReplaced, firstLinkReplaced, linksReplaced
    }

    private func perform(_ change: Change) throws {
        switch change {
        case .written:
            let file = try #require(fopen("\(directory)/real/file", "r+"))
            fputs("3", file)
            fclose(file)
        case .replaced: try move("other/file", "real/file")
        case .removed: try #require(unlink("\(directory)/real/file") == 0)
        case .touched: try #require(chmod("\(directory)/real/file", 0o600) == 0)
        case .linkTurned:
            try #require(symlink("other", "\(directory)/new") == 0)
            try move("new", "..data")
        case .directoryReplaced:
            try move("real", "gone")
            try move("other", "real")
        case .firstLinkReplaced:
            try #require(symlink("../other/file", "\(directory)/links/new") == 0)
            try move("links/new", "links/file")
        case .linksReplaced: try move("links", "gone")
        }
    }

    @Test("Every change on the way to a file is news", arguments: Change.allCases)
    private func news(_ change: Change) throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try prepare()
        guard let events = PathEvents([directory, "\(directory)/links/file"]) else {
            Issue.record("\(directory) is on no local file system")
            return
        }
        // Nor is what happens beside it or in a directory, or reading it.
        try write("x", to: "neighbour")
        try write("x", to: "real/neighbour")
        try write("x", to: "links/neighbour")
        #expect(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/links/file")).count == 1)
        let before = events.hasNews
        #expect(!before)
        try perform(change)
        let (first, second) = (events.hasNews, events.hasNews)
        #expect(first && second)
    }

    @Test("So is the first missing part when it appears", arguments: ["missing", "missing/below"])
    func appearance(_ name: String) throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try make("")
        guard let events = PathEvents(["\(directory)/\(name)"]) else {
            Issue.record("\(directory) is on no local file system")
            return
        }
        let before = events.hasNews
        #expect(!before)
        try make("missing")
        let after = events.hasNews
        #expect(after)
    }

    @Test("There are none where a change may have none")
    func absence() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try make("")
        try write("", to: "file")
        try #require(symlink("loop", "\(directory)/loop") == 0)
        let (below, loop) = ("\(directory)/file/below", "\(directory)/loop")
        for path in ["/proc/self/status", "relative", below, loop] where PathEvents([path]) != nil {
            Issue.record("\(path)")
        }
    }
}
