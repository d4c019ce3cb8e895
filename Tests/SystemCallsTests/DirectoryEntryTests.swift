import Foundation
import SystemPackage
import Testing

@testable import SystemCalls

@Suite("Directory entries")
struct DirectoryEntryTests {
    @Test("Nothing behind the record is read: the memory may end there")
    func end() throws {
        let page = sysconf(Int32(_SC_PAGESIZE))
        let memory = try #require(
            mmap(nil, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        )
        try #require(memory != MAP_FAILED)
        defer { munmap(memory, 2 * page) }
        #expect(mprotect(memory + page, page, PROT_NONE) == 0)
        // As getdents64(2) writes it: inode, offset, length, type, name.
        let record = memory + page - 24
        record.storeBytes(of: 7, as: UInt64.self)
        record.storeBytes(of: 24, toByteOffset: 16, as: UInt16.self)
        (record + 19).copyMemory(from: Array("1353\0".utf8), byteCount: 5)
        let entry = DirectoryEntry(UnsafePointer(record.assumingMemoryBound(to: dirent.self)))
        #expect(entry.name == "1353")
        #expect(entry.inode == 7)
    }

    @Test("All names of a large directory are listed")
    func large() throws {
        let directory = FileManager.default.temporaryDirectory.path + "/fairlead-\(UUID())"
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let names = (0..<3000).map { "f\($0)" } + [String(repeating: "n", count: 255)]
        for name in names {
            let file = open("\(directory)/\(name)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            try #require(file >= 0)
            close(file)
        }
        let entries = try DirectoryEntry.all(in: directory)
        #expect(entries.map(\.name).sorted() == names.sorted())
        for entry in entries.prefix(3) {
            var status = stat()
            #expect(stat("\(directory)/\(entry.name)", &status) == 0)
            #expect(status.st_ino == entry.inode)
        }
    }

    @Test("What is no directory is an error")
    func errors() {
        #expect(throws: Errno.noSuchFileOrDirectory) { try DirectoryEntry.all(in: "/proc/none") }
        #expect(throws: Errno.notDirectory) { try DirectoryEntry.all(in: "/proc/self/stat") }
    }
}
