import Glibc

/// The manifests at a path: one file, or the `.yaml`, `.yml` and `.json` files of a directory.
struct ManifestFiles {
    /// The path as configured.
    let path: String
    static let maximumBytes = 64 << 20

    /// Detects a changed file without reading it.
    struct Stamp: Equatable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var modified: Int64
        var changed: Int64
    }

    /// What was found at a path.
    enum Entry: Equatable {
        case file(Stamp)
        /// It exists but cannot be examined: a dangling link, or an error.
        case unreadable(reason: String)
    }

    /// The files found by one scan.
    struct Listing {
        var entries: [String: Entry] = [:]
        /// Files reached through symbolic links. Changes to their targets cause no event of the
        /// directory.
        var links: Set<String> = []
    }

    /// Lists the manifests; throws `errno` if that fails, also if the path does not exist.
    func list() throws(ListingFailure) -> Listing {
        var listing = Listing()
        guard let status = Self.status(path) else { throw ListingFailure(errno: errno) }
        guard status.isDirectory else {
            listing.entries[path] = .file(status.stamp)
            if Self.isLink(path) { listing.links = [path] }
            return listing
        }
        guard let directory = opendir(path) else { throw ListingFailure(errno: errno) }
        defer { closedir(directory) }
        while true {
            errno = 0
            guard let entry = readdir(directory) else { break }
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard Self.isManifest(name) else { continue }
            look(at: path.hasSuffix("/") ? path + name : "\(path)/\(name)", &listing)
        }
        // With half a listing, the other half would look deleted.
        guard errno == 0 else { throw ListingFailure(errno: errno) }
        return listing
    }

    private func look(at file: String, _ listing: inout Listing) {
        if let status = Self.status(file) {
            guard !status.isDirectory else { return }
            listing.entries[file] = .file(status.stamp)
            if Self.isLink(file) { listing.links.insert(file) }
            return
        }
        let reason = Self.errorText("cannot be examined")
        guard errno == ENOENT else {
            listing.entries[file] = .unreadable(reason: reason)
            return
        }
        // A path that is no longer a link was removed during the scan.
        guard Self.isLink(file) else { return }
        listing.entries[file] = .unreadable(reason: "is a dangling symbolic link")
        listing.links.insert(file)
    }

    /// The content of a listed path.
    static func entry(_ path: String) -> Entry {
        status(path).map { .file($0.stamp) }
            ?? .unreadable(
                reason: errno == ENOENT
                    ? "is a dangling symbolic link" : errorText("cannot be examined")
            )
    }

    /// Identifies a directory, so that a replacement at the same path is noticed; nil if there is
    /// none.
    static func identity(_ path: String) -> [UInt64]? {
        status(path).map { [$0.stamp.device, $0.stamp.inode] }
    }

    private static func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    /// Skips editors' backups and swap files, and hidden files.
    static func isManifest(_ name: String) -> Bool {
        guard !name.hasPrefix("."), !name.hasPrefix("#"), !name.hasSuffix("~") else { return false }
        return [".yaml", ".yml", ".json"].contains { name.hasSuffix($0) }
    }

    static func read(_ path: String) -> ManifestStore.FileContent {
        // Non-blocking, in case the path is a pipe.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            return errno == ENOENT
                ? .absent : .unreadable(reason: Self.errorText("cannot be opened"))
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return .unreadable(reason: "is not a regular file")
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
                device: UInt64(status.st_dev),
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

    /// The directory to watch: the path itself, or a file's parent.
    var directory: String {
        var status = stat()
        let isFile = stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        let looksLikeFile = path.split(separator: "/").last.map { Self.isManifest(String($0)) }
        guard isFile || (looksLikeFile ?? false) else { return path }
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

/// Why the files at a path cannot be listed.
struct ListingFailure: Error {
    let errno: CInt

    var reason: String { "cannot be read: \(String(cString: strerror(errno)))" }
}
