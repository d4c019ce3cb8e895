import Glibc
import ServiceModel
import SystemCalls
import SystemPackage

/// Copies of good manifests, so that a restart during an edit restores the last good version. Without
/// a copy, a restart uses the file as it is.
struct LastGoodCopies {
    /// Fairlead's state directory, such as /var/lib/fairlead; created if absent.
    let directory: String
    /// The last good texts that could not be saved, by path.
    private var unsaved: [String: String] = [:]
    /// The paths of manifests that are gone, whose copies could not be removed.
    private var unremoved: Set<String> = []
    private var lastFailure: ObjectIssue?
    private var lastTry: ContinuousClock.Instant?

    /// How long after a failure the rest is tried again, if nothing else happens.
    static let retryInterval = Duration.seconds(5)

    init(directory: String) {
        self.directory = directory
    }

    /// Why some copy could not be saved or removed; nil if all are.
    var issue: ObjectIssue? { isComplete ? nil : lastFailure }

    private var isComplete: Bool { unsaved.isEmpty && unremoved.isEmpty }

    /// What failed should be tried again by now.
    func needsRetry(at now: ContinuousClock.Instant = .now) -> Bool {
        guard !isComplete, let lastTry else { return false }
        return lastTry.duration(to: now) >= Self.retryInterval
    }

    /// A text that cannot be saved is kept for `retry`.
    mutating func save(_ text: String, of path: String) {
        unsafe mkdir(directory, 0o700)
        do throws(FileError) {
            try WholeFile.replace(copyPath(path), with: Array(text.utf8))
            unsaved[path] = nil
            unremoved.remove(path)
        } catch {
            unsaved[path] = text
            failed("keep copies of manifests for the next start: \(error.reason)")
        }
    }

    private mutating func failed(_ what: String) {
        lastTry = .now
        lastFailure = ObjectIssue(source: directory, reason: "cannot \(what)")
    }

    /// Does what could not be done before.
    mutating func retry() {
        for path in unremoved.sorted() { remove(path) }
        for (path, text) in unsaved.sorted(by: { $0.key < $1.key }) { save(text, of: path) }
    }

    func load(_ path: String) -> ManifestStore.FileContent? {
        guard case .text(let text) = ManifestFiles.read(copyPath(path)) else { return nil }
        return .text(text)
    }

    /// A copy that cannot be removed is kept for `retry`: the next start would bring the manifest back.
    mutating func remove(_ path: String) {
        unsaved[path] = nil
        guard unsafe unlink(copyPath(path)) != 0 else {
            unremoved.remove(path)
            return
        }
        let error = Errno.last
        guard error != .noSuchFileOrDirectory, error != .notDirectory else {
            unremoved.remove(path)
            return
        }
        unremoved.insert(path)
        failed(
            "remove copies of manifests that are gone, which the next start would bring back: \(error)"
        )
    }

    /// The manifests at `place` (a file or a directory) with a copy, except those whose path is too
    /// long to be recovered from the copy's name.
    func paths(at place: String) -> Set<String> {
        var paths: Set<String> = []
        for name in names where !name.hasPrefix(Self.shortened) {
            let path = name.replacing("%2F", with: "/").replacing("%25", with: "%")
            if path == place || path.hasPrefix(place.hasSuffix("/") ? place : place + "/") {
                paths.insert(path)
            }
        }
        return paths
    }

    /// In bytes: with the extension, and that of a copy being written, a name may have 255.
    private static let longestName = 200
    /// What the name of a copy begins with if it is not the whole path: no other name does.
    private static let shortened = "%%"

    /// The names of all copies, without the extension.
    private var names: [String] {
        guard let entries = try? DirectoryEntry.all(in: directory) else { return [] }
        return entries.map(\.name).filter { $0.hasSuffix(".good") }.map { String($0.dropLast(5)) }
    }

    /// A unique name for each path: slashes are escaped, and of a long path there is a hash and the end.
    private func copyPath(_ path: String) -> String {
        var name: [UInt8] = []
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "%"): name += "%25".utf8
            case UInt8(ascii: "/"): name += "%2F".utf8
            default: name.append(byte)
            }
        }
        guard name.count > Self.longestName else {
            return "\(directory)/\(String(decoding: name, as: UTF8.self)).good"
        }
        let start = Self.shortened + Self.hash(path)
        // Not from the middle of a character on.
        let end = name.suffix(Self.longestName - start.utf8.count).drop { $0 & 0xc0 == 0x80 }
        return "\(directory)/\(start)\(String(decoding: end, as: UTF8.self)).good"
    }

    /// FNV-1a in 16 digits: paths are not chosen to collide, as who writes manifests may write all of them.
    private static func hash(_ path: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in path.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
