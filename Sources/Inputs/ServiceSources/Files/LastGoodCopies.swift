import Glibc

/// Copies of good manifests, so that a restart during an edit restores the last good version. Best
/// effort: without a copy, a restart uses the file as it is.
struct LastGoodCopies {
    /// Fairlead's state directory, such as /var/lib/fairlead; created if absent.
    let directory: String

    func save(_ text: String, of path: String) {
        mkdir(directory, 0o700)
        let copy = copyPath(path)
        let temporary = copy + ".new"
        let descriptor = open(
            temporary,
            O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
            0o600
        )
        guard descriptor >= 0 else { return }
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            bytes = bytes.dropFirst(count)
        }
        close(descriptor)
        if bytes.isEmpty { rename(temporary, copy) } else { unlink(temporary) }
    }

    func load(_ path: String) -> ManifestStore.FileContent? {
        guard case .text(let text) = ManifestFiles.read(copyPath(path)) else { return nil }
        return .text(text)
    }

    func remove(_ path: String) {
        unlink(copyPath(path))
    }

    /// The manifests at `place` (a file or a directory) with a copy, except those whose path is too
    /// long to be recovered from the copy's name.
    func paths(at place: String) -> Set<String> {
        var paths: Set<String> = []
        for name in names where name.count < Self.longestName {
            let path = name.replacing("%2F", with: "/").replacing("%25", with: "%")
            if path == place || path.hasPrefix(place.hasSuffix("/") ? place : place + "/") {
                paths.insert(path)
            }
        }
        return paths
    }

    private static let longestName = 200

    /// The names of all copies, without the extension.
    private var names: [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".good") { names.append(String(name.dropLast(5))) }
        }
        return names
    }

    /// A unique name for each path: slashes are escaped, and a long path is cut at its beginning.
    private func copyPath(_ path: String) -> String {
        var name = ""
        for character in path {
            switch character {
            case "%": name += "%25"
            case "/": name += "%2F"
            default: name.append(character)
            }
        }
        return "\(directory)/\(name.suffix(Self.longestName)).good"
    }
}
