import CMalloc
import Foundation
import Glibc
import Testing

@testable import Running

@Suite("Freed memory")
struct FreedMemoryTests {
    @Test("A large block stays mapped on its own after a larger one was freed")
    func largeBlocks() {
        FreedMemory.returnLargeBlocks()
        unsafe free(malloc(30 << 20))
        // A mapped block takes whole pages, of which 16 bytes are the allocator's; one from a heap never does. Heaps may
        // have room for some, which other tests have left.
        let blocks = unsafe (0..<12).map { _ in unsafe malloc(24 << 20) }
        defer { unsafe blocks.forEach { free($0) } }
        let isMapped = unsafe blocks.contains {
            (malloc_usable_size($0) + 16) % Int(getpagesize()) == 0
        }
        #expect(isMapped)
    }

    @Test("Code that a start used is given back, and what is used comes back")
    func program() throws {
        let before = try residentOfFiles()
        FreedMemory.returnProgram()
        #expect(try residentOfFiles() < before - 1024)
    }

    /// Pages of files that are mapped and present, in KiB.
    private func residentOfFiles() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("RssFile:") })
        return try #require(Int(line.split { " \t".contains($0) }[1]))
    }
}
