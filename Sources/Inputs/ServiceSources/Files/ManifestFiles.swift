import Glibc
import SystemCalls
import SystemPackage

/// The manifests at a path: one file, or the `.yaml`, `.yml` and `.json` files of a directory.
struct ManifestFiles {
    /// As the user gave it.
    let path: String
    static let maximumBytes = 64 << 20

    /// What tells one content of a file from the next without reading it.
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
        /// It is there and cannot be looked at: a link that leads nowhere, or an error.
        case unreadable(reason: String)
    }

    /// What was found at one moment.
    struct Listing {
        var entries: [String: Entry] = [:]
        /// The files that are reached by symbolic links. What happens to those is no event of the
        /// directory.
        var links: Set<String> = []
    }

    /// What is there now; fails with `errno` if that cannot be told, as when there is nothing at the
    /// path.
    func list() throws(ListingFailure) -> Listing {
        var listing = Listing()
        guard let status = Self.status(path) else { throw ListingFailure(errno: .last) }
        guard status.isDirectory else {
            listing.entries[path] = .file(status.stamp)
            if Self.isLink(path) { listing.links = [path] }
            return listing
        }
        guard let directory = unsafe opendir(path) else { throw ListingFailure(errno: .last) }
        defer { unsafe closedir(directory) }
        while true {
            errno = 0
            guard let entry = unsafe readdir(directory) else { break }
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard Self.isManifest(name) else { continue }
            look(at: path.hasSuffix("/") ? path + name : "\(path)/\(name)", &listing)
        }
        // Half a listing would make the other half look removed.
        guard errno == 0 else { throw ListingFailure(errno: .last) }
        return listing
    }

    private func look(at file: String, _ listing: inout Listing) {
        if let status = Self.status(file) {
            guard !status.isDirectory else { return }
            listing.entries[file] = .file(status.stamp)
            if Self.isLink(file) { listing.links.insert(file) }
            return
        }
        let reason = Self.errorText("cannot be looked at")
        guard errno == ENOENT else {
            listing.entries[file] = .unreadable(reason: reason)
            return
        }
        // Without a link it was removed just now.
        guard Self.isLink(file) else { return }
        listing.entries[file] = .unreadable(reason: "is a symbolic link to nothing")
        listing.links.insert(file)
    }

    /// What is at a path that a listing found.
    static func entry(_ path: String) -> Entry {
        status(path).map { .file($0.stamp) }
            ?? .unreadable(
                reason: errno == ENOENT
                    ? "is a symbolic link to nothing" : errorText("cannot be looked at")
            )
    }

    /// Tells one directory from another that takes its place; nil if there is none.
    static func identity(_ path: String) -> [UInt64]? {
        status(path).map { [$0.stamp.device, $0.stamp.inode] }
    }

    private static func isLink(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    /// Editors' backups and swap files, and everything hidden, are no manifests.
    static func isManifest(_ name: String) -> Bool {
        guard !name.hasPrefix("."), !name.hasPrefix("#"), !name.hasSuffix("~") else { return false }
        return [".yaml", ".yml", ".json"].contains { name.hasSuffix($0) }
    }

    static func read(_ path: String) -> ManifestStore.FileContent {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try WholeFile.read(path, limit: maximumBytes, regularOnly: true)
        } catch {
            switch error {
            case .call("open", .noSuchFileOrDirectory): return .absent
            case .call("open", let errno): return .unreadable(reason: "cannot be opened: \(errno)")
            case .call(_, let errno): return .unreadable(reason: "cannot be read: \(errno)")
            case .notRegular: return .unreadable(reason: "is no regular file")
            case .larger: return .unreadable(reason: "is larger than 64 MiB")
            }
        }
        guard !bytes.isEmpty else { return .empty }
        guard let text = String(validating: bytes, as: UTF8.self) else {
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
        guard unsafe stat(path, &status) == 0 else { return nil }
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
        "\(what): \(Errno.last)"
    }

    /// The directory to watch: the path itself, or a file's parent.
    var directory: String {
        var status = stat()
        let isFile = unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        let looksLikeFile = path.split(separator: "/").last.map { Self.isManifest(String($0)) }
        guard isFile || (looksLikeFile ?? false) else { return path }
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

/// Why the files at a path cannot be listed.
struct ListingFailure: Error {
    let errno: Errno

    var reason: String { "cannot be read: \(errno)" }
}
