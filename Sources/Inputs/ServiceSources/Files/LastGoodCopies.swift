import Glibc
import ServiceModel
import SystemCalls

/// Copies of good manifests, so that a restart during an edit restores the last good version. Without
/// a copy, a restart uses the file as it is.
struct LastGoodCopies {
    /// Fairlead's state directory, such as /var/lib/fairlead; created if absent.
    let directory: String
    /// Why the last copy could not be saved; nil if it could.
    private(set) var issue: ObjectIssue?

    init(directory: String) {
        self.directory = directory
    }

    mutating func save(_ text: String, of path: String) {
        unsafe mkdir(directory, 0o700)
        do throws(FileError) {
            try WholeFile.replace(copyPath(path), with: Array(text.utf8))
            issue = nil
        } catch {
            issue = ObjectIssue(
                source: directory,
                reason: "cannot keep copies of manifests for the next start: \(error.reason)"
            )
        }
    }

    func load(_ path: String) -> ManifestStore.FileContent? {
        guard case .text(let text) = ManifestFiles.read(copyPath(path)) else { return nil }
        return .text(text)
    }

    func remove(_ path: String) {
        unsafe unlink(copyPath(path))
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
        guard let stream = unsafe opendir(directory) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
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
