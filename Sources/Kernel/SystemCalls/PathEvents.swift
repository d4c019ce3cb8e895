import CStatFS
import Glibc
import SystemPackage

/// Tells whether one of several paths may lead to something else than before: to another file, through other
/// links or directories, or to the same file with another content (inotify(7)). Of a directory at its end, what
/// is in it does not count.
///
/// Every directory, link and file on the way is watched, or the directory in which the way ends. What is mounted
/// over one of them shows no event.
package final class PathEvents: Sendable {
    /// The kernel's limit for the links of a path.
    private static let mostLinks = 40
    /// File systems that only this kernel changes, so that each change has an event: ext, XFS, Btrfs, tmpfs,
    /// ramfs, overlay, F2FS, ZFS, SquashFS and EROFS.
    private static let local: Set<UInt32> = [
        0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x8584_58f6, 0x794c_7630, 0xf2f5_2010,
        0x2fc1_2fc1, 0x7371_7368, 0xe0f5_e1e2,
    ]
    private static let movements = IN_DELETE_SELF | IN_MOVE_SELF

    private let notifier: OwnedDescriptor

    /// Nil if changes might go unnoticed: on network file systems, or without inotify instances or watches left.
    /// The paths must be absolute.
    package init?(_ paths: some Sequence<String>) {
        let number = inotify_init1(CInt(IN_CLOEXEC | IN_NONBLOCK))
        guard number >= 0 else { return nil }
        notifier = OwnedDescriptor(owning: number)
        for path in paths {
            guard path.hasPrefix("/"), watchAll(path) else { return nil }
        }
    }

    /// Can be read once there is news.
    package var descriptor: Int32 { notifier.number }

    /// Whether there is; it stays so.
    package var hasNews: Bool {
        var file = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&file, 1, 0) != 0
    }

    private func watchAll(_ path: String) -> Bool {
        var steps = Self.steps(path)
        var directory: [Substring] = []
        var links = 0
        guard watch("/", Self.movements), Self.isLocal("/") else { return false }
        while let step = steps.popLast() {
            if step == ".." {
                _ = directory.popLast()
                continue
            }
            let place = Self.path(directory + [step])
            var status = stat()
            guard unsafe lstat(place, &status) == 0 else {
                return errno == ENOENT && watch(Self.path(directory), IN_CREATE | IN_MOVED_TO)
            }
            switch status.st_mode & S_IFMT {
            case S_IFDIR:
                guard watch(place, Self.movements), Self.isLocal(place) else { return false }
                directory.append(step)
            case S_IFLNK:
                links += 1
                guard links <= Self.mostLinks, watch(place, Self.movements | IN_ATTRIB),
                    let target = Self.target(place)
                else { return false }
                if target.hasPrefix("/") { directory = [] }
                steps += Self.steps(target)
            default:
                // A file that is mounted alone may be on another file system than its directory.
                return steps.isEmpty && Self.isLocal(place)
                    && watch(place, Self.movements | IN_ATTRIB | IN_MODIFY | IN_CLOSE_WRITE)
            }
        }
        return true
    }

    private func watch(_ path: String, _ events: Int32) -> Bool {
        let mask = UInt32(events | IN_DONT_FOLLOW) | UInt32(IN_MASK_ADD)
        return unsafe inotify_add_watch(descriptor, path, mask) >= 0
    }

    /// The last first.
    private static func steps(_ path: String) -> [Substring] {
        path.split(separator: "/").filter { $0 != "." }.reversed()
    }

    private static func path(_ steps: [Substring]) -> String {
        "/" + steps.joined(separator: "/")
    }

    private static func target(_ link: String) -> String? {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlink(link, &bytes, bytes.count)
        guard count > 0 else { return nil }
        return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether every change of what is at the path itself has an event.
    package static func isLocal(_ path: String) -> Bool {
        var system = statfs()
        guard unsafe statfs(path, &system) == 0 else { return false }
        return local.contains(UInt32(truncatingIfNeeded: system.f_type))
    }
}
