import Glibc

/// The manifests at a path: one file, or the `.yaml`, `.yml` and `.json` files of a directory.
struct ManifestFiles {
    /// As the user gave it.
    let path: String
    static let maximumBytes = 64 << 20

    /// What tells one content of a file from the next without reading it.
    struct Stamp: Equatable {
        var inode: UInt64
        var size: Int64
        var modified: Int64
        var changed: Int64
    }

    /// What is there now; nil if there is nothing at the path.
    func list() -> [String: Stamp]? {
        guard let status = Self.status(path) else { return nil }
        guard status.isDirectory else { return [path: status.stamp] }
        guard let directory = opendir(path) else { return nil }
        defer { closedir(directory) }
        var files: [String: Stamp] = [:]
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard Self.isManifest(name) else { continue }
            let file = path.hasSuffix("/") ? path + name : "\(path)/\(name)"
            if let status = Self.status(file), !status.isDirectory { files[file] = status.stamp }
        }
        return files
    }

    /// Editors' backups and swap files, and everything hidden, are no manifests.
    static func isManifest(_ name: String) -> Bool {
        guard !name.hasPrefix("."), !name.hasPrefix("#"), !name.hasSuffix("~") else { return false }
        return [".yaml", ".yml", ".json"].contains { name.hasSuffix($0) }
    }

    static func read(_ path: String) -> ManifestStore.FileContent {
        // Not blocking, in case the path is a pipe.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            return errno == ENOENT
                ? .absent : .unreadable(reason: Self.errorText("cannot be opened"))
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return .unreadable(reason: "is no regular file")
        }
        guard status.st_size <= maximumBytes else {
            return .unreadable(reason: "is larger than 64 MiB")
        }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size) + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes[count...].withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { return .unreadable(reason: Self.errorText("cannot be read")) }
            if got == 0 { break }
            count += got
        }
        guard count > 0 else { return .empty }
        guard let text = String(validating: bytes[..<count], as: UTF8.self) else {
            return .unreadable(reason: "is not UTF-8 text")
        }
        return .text(text)
    }

    private struct Status {
        var isDirectory: Bool
        var stamp: Stamp
    }

    private static func status(_ path: String) -> Status? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        func nanoseconds(_ time: timespec) -> Int64 {
            Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        }
        return Status(
            isDirectory: status.st_mode & S_IFMT == S_IFDIR,
            stamp: Stamp(
                inode: UInt64(status.st_ino),
                size: Int64(status.st_size),
                modified: nanoseconds(status.st_mtim),
                changed: nanoseconds(status.st_ctim)
            )
        )
    }

    static func errorText(_ what: String) -> String {
        "\(what): \(String(cString: strerror(errno)))"
    }
}
