import Foundation
import Testing

@testable import Running

@Suite("Out-of-memory score")
struct OutOfMemoryScoreTests {
    @Test("The out-of-memory score is set, put back, and a failure has its reason")
    func outOfMemoryScore() throws {
        let path = FileManager.default.temporaryDirectory.path + "/fairlead-\(UUID().uuidString)"
        try "-5\n".write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        func content() throws -> String {
            // The kernel takes the number alone, a file keeps what was there.
            try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").first
                .map(String.init) ?? ""
        }
        let score = OutOfMemoryScore(path: path)
        #expect(score.set(700) == nil)
        #expect(try content() == "700")
        #expect(score.set(nil) == nil)
        #expect(try content() == "-5")
        #expect(OutOfMemoryScore(path: "/nowhere/x").set(1) == "No such file or directory")
        #expect(OutOfMemoryScore(path: "/nowhere/x").set(nil) == nil)
        // A configuration that says nothing new touches nothing.
        #expect(score.apply(nil) == nil)
        #expect(score.apply(300) == nil)
        #expect(try content() == "300")
        let unwritable = OutOfMemoryScore(path: "/nowhere/x")
        #expect(unwritable.apply(1) == "oomScoreAdj 1 not set: No such file or directory")
        #expect(unwritable.apply(1) == nil)
    }
}
