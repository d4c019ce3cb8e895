import Foundation
import ServiceModel
import Testing

@testable import ServiceSources

/// Copies of manifests for the next start.
@Suite("Last good copies")
struct LastGoodCopiesTests {
    private let directory =
        FileManager.default.temporaryDirectory.path
        + "/fairlead-copies-\(UUID().uuidString)"

    private func withCopies(_ body: (inout LastGoodCopies) throws -> Void) throws {
        var copies = LastGoodCopies(directory: directory)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try body(&copies)
    }

    private func text(_ content: ManifestStore.FileContent?) -> String? {
        guard case .text(let text) = content else { return nil }
        return text
    }

    @Test("Each path has a copy of its own, however alike the paths and long their names")
    func unique() throws {
        let tail = String(repeating: "services/", count: 40) + "web.yaml"
        // Three bytes each, and cut in the middle of one.
        let wide = String(repeating: "運", count: 84)
        let paths = [
            "/etc/a/\(tail)", "/etc/b/\(tail)", "/srv/\(wide)", "/srv/x\(wide)", "/srv/xx\(wide)",
            "/etc/short.yaml", "/etc%2Fshort.yaml", "/%25/%/a",
            "/" + String(repeating: "a", count: 197),
            "/" + String(repeating: "a", count: 198),
        ]
        try withCopies { copies in
            for path in paths {
                copies.save("of \(path)", of: path)
                #expect(copies.issue == nil, "\(path)")
            }
            for path in paths { #expect(text(copies.load(path)) == "of \(path)") }
            copies.remove(paths[0])
            #expect(text(copies.load(paths[0])) == nil)
            #expect(text(copies.load(paths[1])) == "of \(paths[1])")
        }
    }

    @Test("The paths of copies are found by directory, but those of long ones are not")
    func paths() throws {
        let long = "/etc/d/" + String(repeating: "x", count: 200)
        try withCopies { copies in
            for path in ["/etc/d/a%b.yaml", "/etc/d/%%c", "/etc/dd/e", long] {
                copies.save("x", of: path)
            }
            #expect(copies.paths(at: "/etc/d") == ["/etc/d/a%b.yaml", "/etc/d/%%c"])
        }
    }

    @Test("What could not be saved is an issue until it is, whatever else is saved")
    func unsaved() throws {
        try withCopies { copies in
            let (first, second) = ("/etc/d/a.yaml", "/etc/d/b.yaml")
            try #require(FileManager.default.createFile(atPath: directory, contents: nil))
            for path in [first, second] { copies.save("of \(path)", of: path) }
            let issue = try #require(copies.issue)
            #expect(!copies.needsRetry())
            #expect(copies.needsRetry(at: .now + LastGoodCopies.retryInterval))
            try FileManager.default.removeItem(atPath: directory)
            copies.save("other", of: second)
            #expect(copies.issue == issue)
            #expect(text(copies.load(first)) == nil)
            copies.retry()
            #expect(copies.issue == nil)
            #expect(!copies.needsRetry(at: .now + LastGoodCopies.retryInterval))
            #expect(text(copies.load(first)) == "of \(first)")
            #expect(text(copies.load(second)) == "other")

            try FileManager.default.removeItem(atPath: directory)
            try #require(FileManager.default.createFile(atPath: directory, contents: nil))
            copies.save("x", of: first)
            #expect(copies.issue != nil)
            copies.remove(first)
            #expect(copies.issue == nil)
        }
    }

    @Test("A copy that could not be removed is an issue until it is, or is wanted again")
    func unremoved() throws {
        try withCopies { copies in
            let (first, second) = ("/a", "/b")
            for path in [first, second] {
                copies.save("x", of: path)
                // What nobody can unlink.
                try FileManager.default.removeItem(
                    atPath: "\(directory)/%2F\(path.dropFirst()).good"
                )
                try FileManager.default.createDirectory(
                    atPath: "\(directory)/%2F\(path.dropFirst()).good",
                    withIntermediateDirectories: false
                )
                copies.remove(path)
            }
            let reason = try #require(copies.issue?.reason)
            #expect(reason.contains("which the next start would bring back: Is a directory"))
            #expect(copies.needsRetry(at: .now + LastGoodCopies.retryInterval))
            copies.retry()
            #expect(copies.issue != nil)
            for path in [first, second] {
                try FileManager.default.removeItem(
                    atPath: "\(directory)/%2F\(path.dropFirst()).good"
                )
            }
            copies.save("y", of: second)
            #expect(copies.issue != nil)
            copies.retry()
            #expect(copies.issue == nil)
            #expect(text(copies.load(first)) == nil && text(copies.load(second)) == "y")
        }
    }
}
