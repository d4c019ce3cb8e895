import Foundation
import SystemPackage
import Testing

@testable import SystemCalls

@Suite("Whole files")
struct WholeFileTests {
    /// Runs `body` with a new directory, which is removed afterwards.
    private func inDirectory(_ body: (String) throws -> Void) throws {
        let parent = FileManager.default.temporaryDirectory.path
        var template = Array("\(parent)/fairlead-files-XXXXXX".utf8CString)
        let directory = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer {
            for name in names(directory) { unlink("\(directory)/\(name)") }
            rmdir(directory)
        }
        try body(directory)
    }

    private func names(_ directory: String) -> [String] {
        ((try? DirectoryEntry.all(in: directory)) ?? []).map(\.name).sorted()
    }

    @Test("What is written is read again, and nothing is left beside it")
    func replacing() throws {
        try inDirectory { directory in
            let path = "\(directory)/state"
            let large = [UInt8]((0..<300_000).map { UInt8(truncatingIfNeeded: $0) })
            for bytes in [[], [1, 2, 3], large] {
                try WholeFile.replace(path, with: bytes)
                #expect(try WholeFile.read(path, limit: 300_000) == bytes)
            }
            #expect(names(directory) == ["state"])
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
        }
    }

    @Test("A replacement that fails leaves the old content, and nothing beside it")
    func failing() throws {
        try inDirectory { directory in
            let path = "\(directory)/state"
            try WholeFile.replace(path, with: [1])
            // The name is taken by a directory, so that the last step fails.
            #expect(mkdir("\(directory)/taken", 0o700) == 0)
            defer { rmdir("\(directory)/taken") }
            #expect(throws: FileError.call("rename", .isDirectory)) {
                try WholeFile.replace("\(directory)/taken", with: [2])
            }
            #expect(names(directory) == ["state", "taken"])
            #expect(try WholeFile.read(path, limit: 1) == [1])
        }
    }

    @Test("The file beside it is not written through a link")
    func link() throws {
        try inDirectory { directory in
            let victim = "\(directory)/victim"
            try WholeFile.replace(victim, with: [7])
            #expect(symlink(victim, "\(directory)/state.new") == 0)
            #expect(throws: FileError.call("open", .tooManySymbolicLinkLevels)) {
                try WholeFile.replace("\(directory)/state", with: [8])
            }
            #expect(try WholeFile.read(victim, limit: 1) == [7])
        }
    }

    @Test("A file of more than the limit is an error, and one of the limit is not")
    func limit() throws {
        try inDirectory { directory in
            let path = "\(directory)/state"
            try WholeFile.replace(path, with: [1, 2, 3])
            #expect(try WholeFile.read(path, limit: 3) == [1, 2, 3])
            for regularOnly in [false, true] {
                #expect(throws: FileError.larger(than: 2)) {
                    try WholeFile.read(path, limit: 2, regularOnly: regularOnly)
                }
            }
        }
    }

    @Test("A pipe without a writer does not block a reader of regular files")
    func pipe() throws {
        try inDirectory { directory in
            #expect(mkfifo("\(directory)/pipe", 0o600) == 0)
            #expect(throws: FileError.notRegular) {
                try WholeFile.read("\(directory)/pipe", limit: 10, regularOnly: true)
            }
            #expect(throws: FileError.call("read", .isDirectory)) {
                try WholeFile.read(directory, limit: 10, regularOnly: true)
            }
            #expect(throws: FileError.notRegular) {
                try WholeFile.read("/dev/zero", limit: 10, regularOnly: true)
            }
            #expect(symlink("/dev/null", "\(directory)/masked") == 0)
            let masked = try WholeFile.read("\(directory)/masked", limit: 10, regularOnly: true)
            #expect(masked.isEmpty)
        }
    }

    @Test("A pipe without a reader does not block a writer, who writes nothing into one")
    func pipeToWrite() throws {
        try inDirectory { directory in
            let path = "\(directory)/state"
            #expect(mkfifo(path, 0o600) == 0)
            #expect(throws: FileError.self) { try WholeFile.append([1], to: path, behind: 0) }
            // Where the new content is written before it gets the name.
            #expect(mkfifo("\(path).new", 0o600) == 0)
            #expect(throws: FileError.self) { try WholeFile.replace(path, with: [1]) }
            try WholeFile.replace(path, with: [1])
            #expect(try WholeFile.read(path, limit: 1, regularOnly: true) == [1])
            #expect(mkfifo("\(path).new", 0o600) == 0)
            let reader = open("\(path).new", O_RDONLY | O_NONBLOCK)
            defer { close(reader) }
            #expect(throws: FileError.notRegular) { try WholeFile.replace(path, with: [2]) }
            #expect(try WholeFile.read(path, limit: 1, regularOnly: true) == [1])
        }
    }

    @Test("An error names the call and the reason")
    func reasons() {
        let error = #expect(throws: FileError.self) {
            try WholeFile.read("/nonexistent/file", limit: 10)
        }
        #expect(error?.errno == .noSuchFileOrDirectory)
        #expect(error.map { "\($0)" } == "open: No such file or directory")
        #expect(error?.reason == "No such file or directory")
    }

    @Test("A file of the kernel's is read, whose size it gives as 0")
    func kernelFile() throws {
        let text = String(
            decoding: try WholeFile.read("/proc/self/stat", limit: 4096, regularOnly: true),
            as: UTF8.self
        )
        #expect(text.hasPrefix("\(getpid()) "))
    }
}
