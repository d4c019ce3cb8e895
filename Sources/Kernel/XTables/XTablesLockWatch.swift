package import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

/// Counts how often other programs released the xtables lock: each time they may have changed a table
/// of either family, even if its size is the same.
///
/// Listens for *closing*: iptables keeps the file open until it exits, which is after its commit.
/// Fairlead's stores keep the file open and so cause no events. A program that keeps it open, too, is
/// not noticed here; `TableFingerprint` and the periodic observation remain.
package final class XTablesLockWatch {
    private let path: String
    private var notifier: OwnedDescriptor?
    private var watch: Int32 = -1
    private var count = 0
    /// The watch could not be renewed, so what happened since then went unnoticed.
    private var isDeaf = false

    /// Listens to nothing yet.
    package init(_ configuration: XTablesLock.Configuration) {
        path = configuration.path
    }

    /// The inotify instance; nil before the first call of `releases` and after an error.
    var descriptor: Int32? {
        switch notifier {
        case .some(let notifier): notifier.number
        case .none: nil
        }
    }

    /// How often that happened since the first call, which starts to listen and creates the lock file if
    /// it is missing. Never waits. The corresponding C function is `inotify_add_watch`.
    ///
    /// - Throws: the error of inotify, or of opening the lock file.
    package func releases() throws(DataplaneError) -> Int {
        let number = try listen()
        var buffer = [UInt8](repeating: 0, count: 4096)
        var wasCounted = false
        while true {
            let length = unsafe buffer.withUnsafeMutableBytes {
                unsafe read(number, $0.baseAddress, $0.count)
            }
            if length < 0, errno == EINTR { continue }
            if length < 0, errno == EAGAIN { return count }
            guard length >= 0 else { throw .system("read", "inotify of \(path)", errno) }
            // Before anything can fail: the events are read, and come only once.
            if !wasCounted { count += 1 }
            wasCounted = true
            if Self.isGone(watch, buffer[..<length]) {
                // The kernel may have removed the watch with the file.
                _ = inotify_rm_watch(number, watch)
                try renew(number)
            }
        }
    }

    private func renew(_ number: Int32) throws(DataplaneError) {
        do throws(DataplaneError) {
            watch = try Self.add(path, to: number)
        } catch {
            // Without a watch nothing would ever be heard again: the next call begins anew.
            notifier = nil
            isDeaf = true
            throw error
        }
    }

    private func listen() throws(DataplaneError) -> Int32 {
        if let number = notifier?.number { return number }
        let number = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        guard number >= 0 else { throw .system("inotify_init1", path, errno) }
        let owned = OwnedDescriptor(owning: number)
        watch = try Self.add(path, to: number)
        notifier = consume owned
        if isDeaf { count += 1 }
        isDeaf = false
        return number
    }

    private static func add(_ path: String, to number: Int32) throws(DataplaneError) -> Int32 {
        // Opened and closed before the watch begins, so this does not cause an event.
        do {
            _ = try XTablesLock.open(path)
        }
        let events = IN_CLOSE_WRITE | IN_CLOSE_NOWRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB
        let watch = unsafe inotify_add_watch(number, path, UInt32(events))
        guard watch >= 0 else { throw .system("inotify_add_watch", path, errno) }
        return watch
    }

    /// Whether an event says that the path may now lead to another file. While a program such as this
    /// one has the file open, its removal shows as a changed link count (`IN_ATTRIB`).
    ///
    /// Only events of the present watch count, as the end of an earlier watch is an event, too.
    private static func isGone(_ watch: Int32, _ events: ArraySlice<UInt8>) -> Bool {
        // struct inotify_event before its name, which is empty in a file's own watch
        let header = 16
        return stride(from: events.startIndex, to: events.endIndex - header + 1, by: header)
            .contains { place in
                func uint32(_ offset: Int) -> UInt32 {
                    (0..<4).reduce(0) {
                        $0 | UInt32(events[place + offset + $1]) << (8 * UInt32($1))
                    }
                }
                let mask = uint32(4)
                // The event of a removal may be among those that the kernel dropped.
                if mask & UInt32(IN_Q_OVERFLOW) != 0 { return true }
                let gone = IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | Int32(IN_IGNORED)
                return Int32(bitPattern: uint32(0)) == watch && mask & UInt32(gone) != 0
            }
    }
}
