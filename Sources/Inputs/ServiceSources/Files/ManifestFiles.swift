import Glibc
import SystemCalls
import SystemPackage

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
        /// It exists but is a directory or a dangling link, or cannot be examined.
        case unreadable(reason: String)
    }

    /// The files found by one scan.
    struct Listing {
        var entries: [String: Entry] = [:]
        /// Files that can be changed without an event of the directory: behind a symbolic link, mounted there, or
        /// with another name elsewhere; and one that is configured by itself.
        var links: Set<String> = []
    }

    /// Lists the manifests; throws `errno` if that fails, also if the path does not exist.
    func list() throws(ListingFailure) -> Listing {
        var listing = Listing()
        guard let status = Self.status(path) else { throw ListingFailure(errno: .last) }
        guard status.isDirectory else {
            listing.entries[path] = .file(status.stamp)
            listing.links = [path]
            return listing
        }
        // With half a listing, the other half would look deleted.
        let found: [DirectoryEntry]
        do { found = try DirectoryEntry.all(in: path) } catch { throw ListingFailure(errno: error) }
        for entry in found where Self.isManifest(entry.name) {
            let file = path.hasSuffix("/") ? path + entry.name : "\(path)/\(entry.name)"
            look(at: file, entry.inode, &listing)
        }
        // Rather in the place of a file than one for manifests.
        if listing.entries.isEmpty, hasManifestName { throw ListingFailure(errno: .isDirectory) }
        return listing
    }

    /// `number` is the directory's own for the file; what is mounted over it has another.
    private func look(at file: String, _ number: UInt64, _ listing: inout Listing) {
        if let status = Self.status(file) {
            listing.entries[file] = Self.entry(status)
            if status.stamp.inode != number || status.names > 1 { listing.links.insert(file) }
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
        status(path).map(entry)
            ?? .unreadable(
                reason: errno == ENOENT
                    ? "is a dangling symbolic link" : errorText("cannot be examined")
            )
    }

    /// A directory with a manifest's name is not ignored: container runtimes make one where a file to be mounted is missing.
    private static func entry(_ status: Status) -> Entry {
        status.isDirectory ? .unreadable(reason: "is a directory") : .file(status.stamp)
    }

    /// Identifies a directory, so that a replacement at the same path is noticed; nil if there is
    /// none.
    static func identity(_ path: String) -> [UInt64]? {
        status(path).map { [$0.stamp.device, $0.stamp.inode] }
    }

    private static func isLink(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    /// Skips editors' backups and swap files, and hidden files.
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
            case .notRegular: return .unreadable(reason: "is not a regular file")
            case .larger: return .unreadable(reason: "is larger than 64 MiB")
            }
        }
        guard !bytes.isEmpty else { return isDevice(path) ? .masked : .empty }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return .unreadable(reason: "is not UTF-8 text")
        }
        return .text(text)
    }

    private static func isDevice(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFCHR
    }

    private struct Status {
        var isDirectory: Bool
        var names: UInt64
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
            names: UInt64(status.st_nlink),
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

    /// The path is to be one file, and a directory or a dangling link is in its place.
    var isObstructed: Bool {
        hasManifestName && (Self.status(path)?.isDirectory ?? Self.isLink(path))
    }

    private var hasManifestName: Bool {
        path.split(separator: "/").last.map { Self.isManifest(String($0)) } ?? false
    }

    /// The directory to watch: the path itself, or a file's parent.
    var directory: String {
        var status = stat()
        let isFile = unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        guard isFile || hasManifestName else { return path }
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

/// Why the files at a path cannot be listed.
struct ListingFailure: Error {
    let errno: Errno

    var reason: String { "cannot be read: \(errno)" }
}
