import Glibc
package import SystemPackage

/// Files that are read and written in one go.
package enum WholeFile {
    /// The bytes of a file. One of more than `limit` bytes is an error, and so is with
    /// `regularOnly` a directory, pipe or device; the kernel's files in /proc count as regular.
    package static func read(
        _ path: String,
        limit: Int,
        options: FileDescriptor.OpenOptions = [],
        regularOnly: Bool = false
    ) throws(FileError) -> [UInt8] {
        // Opening a pipe would wait for a writer.
        let options = regularOnly ? options.union(.nonBlocking) : options
        let file = try FileError.in("open") { () throws(Errno) in
            try OwnedDescriptor(opening: path, .readOnly, options: options)
        }
        if regularOnly {
            var status = stat()
            guard unsafe fstat(file.number, &status) == 0 else { throw .call("fstat", .last) }
            guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }
            guard status.st_size <= limit else { throw .larger(than: limit) }
        }
        return try file.readAll(limit: limit)
    }

    /// Writes to a file that is there, such as one of the kernel's in /proc, in one call where the
    /// kernel takes it all.
    package static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        let file = try FileError.in("open") { () throws(Errno) in
            try OwnedDescriptor(opening: path, .writeOnly)
        }
        try file.writeAll(bytes)
    }

    /// Gives a path new content whole or not at all, even if the machine stops in between: the
    /// content is on the disk before it takes the name, and the name before this returns.
    ///
    /// After an error the old content stays. It is written to `path` + `suffix` first, which is not
    /// followed if it is a link; what another writer left there is overwritten.
    package static func replace(
        _ path: String,
        with bytes: [UInt8],
        permissions: FilePermissions = .ownerReadWrite,
        suffix: String = ".new"
    ) throws(FileError) {
        let temporary = path + suffix
        do throws(FileError) {
            let file = try FileError.in("open") { () throws(Errno) in
                try OwnedDescriptor(
                    opening: temporary,
                    .writeOnly,
                    options: [.create, .truncate, .noFollow],
                    permissions: permissions
                )
            }
            try file.writeAll(bytes)
            guard fsync(file.number) == 0 else { throw .call("fsync", .last) }
            guard unsafe rename(temporary, path) == 0 else { throw .call("rename", .last) }
        } catch {
            unsafe unlink(temporary)
            throw error
        }
        // Without this a power cut could bring back the old name. A directory that cannot be
        // synchronized loses nothing that was there.
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
