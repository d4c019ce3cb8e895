import Glibc
package import SystemPackage

/// Files that are read and written as a whole.
package enum WholeFile {
    /// The bytes of a file. More than `limit` bytes are an error, and with `regularOnly` so is a
    /// directory, pipe or device; files in /proc count as regular, and /dev/null as an empty file.
    package static func read(
        _ path: String,
        limit: Int,
        options: FileDescriptor.OpenOptions = [],
        regularOnly: Bool = false
    ) throws(FileError) -> [UInt8] {
        // Opening a pipe would wait for a writer.
        let options = regularOnly ? options.union(.nonBlocking) : options
        let file = try FileError.in("open") { () throws(Errno) in try open(path, options) }
        if regularOnly {
            var status = stat()
            guard unsafe fstat(file.number, &status) == 0 else { throw .call("fstat", .last) }
            // The system's own word for it.
            if status.st_mode & S_IFMT == S_IFDIR { throw .call("read", .isDirectory) }
            // How people mask a file.
            if status.st_mode & S_IFMT == S_IFCHR, status.st_rdev == nullDevice { return [] }
            guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }
            guard status.st_size <= limit else { throw .larger(than: limit) }
        }
        return try file.readAll(limit: limit)
    }

    private static func open(
        _ path: String,
        _ options: FileDescriptor.OpenOptions
    ) throws(Errno) -> OwnedDescriptor {
        do throws(Errno) {
            return try OwnedDescriptor(opening: path, .readOnly, options: options)
        } catch {
            // What another user opened for this program may be read, and yet not be opened again.
            guard error == .permissionDenied, let number = openedNumber(path) else { throw error }
            return try OwnedDescriptor(duplicating: number)
        }
    }

    /// The descriptor that the path names, of this program's own.
    private static func openedNumber(_ path: String) -> Int32? {
        if path == "/dev/stdin" { return 0 }
        return ["/dev/fd/", "/proc/self/fd/"].first(where: path.hasPrefix).flatMap {
            Int32(path.dropFirst($0.count))
        }
    }

    /// Whether the path names what this program's caller has opened for it, such as a pipe from another program. A pipe
    /// that has a name may have no writer, and opening it would wait for one without end.
    package static func isOpened(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return path == "/dev/stdin" || path.hasPrefix("/dev/fd/")
            || parts.count == 5 && path.hasPrefix("/proc/") && parts[3] == "fd"
    }

    /// Whether it is a file on a file system, if perhaps behind links; no pipe or device, such as /dev/null.
    package static func isRegular(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Major number 1, minor number 3 (Documentation/admin-guide/devices.txt).
    private static let nullDevice: dev_t = 0x103

    /// Writes to an existing file, such as one in /proc, in one call unless the kernel splits it.
    package static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        let file = try FileError.in("open") { () throws(Errno) in
            try OwnedDescriptor(opening: path, .writeOnly)
        }
        try file.writeAll(bytes)
    }

    /// Replaces a file's content atomically, even if the machine stops meanwhile: the content is on the
    /// disk before it gets the name, and the name before this returns.
    ///
    /// After an error the old content stays. The new one is written to `path` + `suffix` first, where
    /// a link is not followed and the remains of another writer are overwritten.
    package static func replace(
        _ path: String,
        with bytes: [UInt8],
        permissions: FilePermissions = .ownerReadWrite,
        suffix: String = ".new"
    ) throws(FileError) {
        let temporary = path + suffix
        do throws(FileError) {
            let file = try create(temporary, permissions)
            try file.writeAll(bytes)
            try publish(file, temporary, as: path)
        } catch {
            unsafe unlink(temporary)
            throw error
        }
        synchronizeDirectory(of: path)
    }

    static func create(
        _ temporary: String,
        _ permissions: FilePermissions
    ) throws(FileError) -> OwnedDescriptor {
        let file = try FileError.in("open") { () throws(Errno) in
            try OwnedDescriptor(
                opening: temporary,
                .writeOnly,
                // Opening a pipe would wait for a reader.
                options: [.create, .truncate, .noFollow, .nonBlocking],
                permissions: permissions
            )
        }
        var status = stat()
        guard unsafe fstat(file.number, &status) == 0 else { throw .call("fstat", .last) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }
        return file
    }

    /// The content is on the disk before it gets the name.
    static func publish(
        _ file: borrowing OwnedDescriptor,
        _ temporary: String,
        as path: String
    ) throws(FileError) {
        guard fsync(file.number) == 0 else { throw .call("fsync", .last) }
        guard unsafe rename(temporary, path) == 0 else { throw .call("rename", .last) }
    }
}
