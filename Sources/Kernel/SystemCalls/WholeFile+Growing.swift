import Glibc
package import SystemPackage

extension WholeFile {
    /// Replaces a file's content as `replace(_:with:)` does, with content that `body` hands over piece by
    /// piece, so that it is never in memory as a whole.
    ///
    /// - Throws: what `body` throws, and `FileError`; the old content stays then.
    package static func replace(
        _ path: String,
        permissions: FilePermissions = .ownerReadWrite,
        suffix: String = ".new",
        writing body: (_ write: ([UInt8]) throws(FileError) -> Void) throws -> Void
    ) throws {
        let temporary = path + suffix
        do {
            let file = try create(temporary, permissions)
            // One that a crash left behind may have others.
            guard fchmod(file.number, permissions.rawValue) == 0 else {
                throw FileError.call("fchmod", .last)
            }
            try body { bytes throws(FileError) in try file.writeAll(bytes) }
            try publish(file, temporary, as: path)
        } catch {
            unsafe unlink(temporary)
            throw error
        }
        synchronizeDirectory(of: path)
    }

    /// Adds `bytes` to a file behind its first `length` bytes; what was behind them is dropped. The
    /// content is on the disk when this returns. A link is not followed.
    ///
    /// After an error the first `length` bytes are as before. False if the file is shorter than that,
    /// which it stays.
    package static func append(
        _ bytes: [UInt8],
        to path: String,
        behind length: Int
    ) throws(FileError) -> Bool {
        let file = try FileError.in("open") { () throws(Errno) in
            // Opening a pipe would wait for a reader.
            try OwnedDescriptor(
                opening: path,
                .writeOnly,
                options: [.noFollow, .append, .nonBlocking]
            )
        }
        var status = stat()
        guard unsafe fstat(file.number, &status) == 0 else { throw .call("fstat", .last) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }
        guard status.st_size >= length else { return false }
        if status.st_size > length {
            guard ftruncate(file.number, length) == 0 else { throw .call("ftruncate", .last) }
        }
        do throws(FileError) {
            try file.writeAll(bytes)
            guard fsync(file.number) == 0 else { throw .call("fsync", .last) }
        } catch {
            // A reader would find what may never reach the disk.
            _ = ftruncate(file.number, length)
            throw error
        }
        return true
    }

    /// Without this a power cut could bring back the old content of a renamed file. If the directory cannot
    /// be synchronized, nothing else is lost.
    static func synchronizeDirectory(of path: String) {
        let directory = path.lastIndex(of: "/").map { path[...$0] } ?? "."
        if let parent = try? OwnedDescriptor(
            opening: String(directory),
            .readOnly,
            options: .directory
        ) {
            _ = fsync(parent.number)
        }
    }
}
