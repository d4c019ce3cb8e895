import Dispatch
import Glibc
import SystemPackage

/// Reports changes to the files of a directory (inotify(7)) on the queue it was given. Changes to
/// targets of symbolic links are not reported.
package final class DirectoryWatch {
    /// Makes an inotify instance: a descriptor, or -1 with `errno` set.
    package static func makeInstance() -> CInt { inotify_init1(CInt(IN_CLOEXEC | IN_NONBLOCK)) }

    /// Why the directory cannot be watched.
    struct Failure: Error {
        let errno: CInt

        /// The user's inotify instances or watches are exhausted; the directory itself may be fine.
        var isExhaustion: Bool { [EMFILE, ENFILE, ENOSPC, ENOMEM].contains(errno) }

        /// Names the sysctl to raise.
        var reason: String {
            let limit =
                switch errno {
                case EMFILE: "fs.inotify.max_user_instances is exhausted"
                case ENOSPC: "fs.inotify.max_user_watches is exhausted"
                default: Errno(rawValue: errno).description
                }
            return "cannot be watched (\(limit)); polling it every second instead"
        }
    }

    enum Event {
        /// The named file was written and closed, or moved here.
        case completed(name: String)
        /// Some other change to the directory's files.
        case changed
        /// The directory itself was removed; this watch reports nothing more.
        case lost
    }

    private let source: any DispatchSourceRead

    /// Fails if `path` is not a readable directory, or the kernel has no watch left.
    init(
        _ path: String,
        queue: DispatchQueue,
        _ makeInstance: () -> CInt,
        _ handler: @escaping ([Event]) -> Void
    ) throws(Failure) {
        let descriptor = makeInstance()
        guard descriptor >= 0 else { throw Failure(errno: errno) }
        let mask =
            UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM)
            | UInt32(IN_DELETE) | UInt32(IN_CREATE) | UInt32(IN_ATTRIB) | UInt32(IN_DELETE_SELF)
            | UInt32(IN_MOVE_SELF) | UInt32(IN_ONLYDIR)
        guard unsafe inotify_add_watch(descriptor, path, mask) >= 0 else {
            let failure = Failure(errno: errno)
            close(descriptor)
            throw failure
        }
        source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        source.setEventHandler { handler(Self.read(descriptor)) }
        source.setCancelHandler { close(descriptor) }
        source.resume()
    }

    deinit { source.cancel() }

    private static func read(_ descriptor: Int32) -> [Event] {
        var events: [Event] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            guard count > 0 else { return events }
            unsafe buffer.withUnsafeBytes {
                unsafe events += parse(UnsafeRawBufferPointer(rebasing: $0[..<count]))
            }
        }
    }

    /// Each event is `struct inotify_event` and a NUL-padded name.
    private static func parse(_ bytes: UnsafeRawBufferPointer) -> [Event] {
        var events: [Event] = []
        var offset = 0
        while offset + 16 <= bytes.count {
            let mask = unsafe bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
            let length = unsafe Int(
                bytes.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self)
            )
            guard offset + 16 + length <= bytes.count else { break }
            let name = unsafe String(
                decoding: bytes[(offset + 16)..<(offset + 16 + length)].prefix { $0 != 0 },
                as: UTF8.self
            )
            offset += 16 + length
            if mask & (UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF) | UInt32(IN_IGNORED)) != 0 {
                events.append(.lost)
            } else if mask & (UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO)) != 0 {
                events.append(.completed(name: name))
            } else {
                events.append(.changed)
            }
        }
        return events
    }
}
