import Foundation
import LabCluster
import Testing

@Suite("Ports of a lab's clients")
struct LabPortsTests {
    private func withPorts(_ body: (LabPorts, String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.path + "/fairlead-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(LabPorts(directory: path), path)
    }

    @Test("No port of a client comes again before all others have been used")
    func turns() throws {
        try withPorts { ports, _ in
            var used: Set<Int> = []
            // As many checks of two nodes as the range has room for.
            for _ in 0..<49 {
                let first = try ports.reserve(1200, for: "pod1")
                let taken = Set(first..<first + 1200)
                #expect(used.isDisjoint(with: taken))
                used.formUnion(taken)
            }
            #expect(used.allSatisfy(LabPorts.range.contains))
            #expect(try ports.reserve(10, for: "client") == 1024)
        }
    }

    @Test("After the last port comes the first, also with a damaged file")
    func wrap() throws {
        try withPorts { ports, path in
            try "60990".write(toFile: path + "/pod1.port", atomically: true, encoding: .utf8)
            #expect(try ports.reserve(20, for: "pod1") == 60_990)
            #expect(try ports.reserve(1, for: "pod1") == 1024 + (60_990 + 36 - 61_000))
            try "nonsense".write(toFile: path + "/pod1.port", atomically: true, encoding: .utf8)
            #expect(try ports.reserve(1, for: "pod1") == 1024)
        }
    }
}
