import Glibc
import Synchronization
import SystemCalls

/// The service manager's end of its socket.
final class NotifyReader: Sendable {
    private static let number = Atomic<Int>(0)

    /// In the abstract name space.
    let path: String
    private let socket: OwnedDescriptor

    init() throws {
        let number = Self.number.wrappingAdd(1, ordering: .relaxed).newValue
        path = "@fairlead-notify-\(getpid())-\(number)"
        socket = try OwnedDescriptor(socket: AF_UNIX, SOCK_DGRAM)
        try SystemAddress(unix: path)?.bind(socket)
    }

    /// Whether a message that begins like this comes in time; others are skipped.
    func hears(_ beginning: String, within limit: Duration) -> Bool {
        let end = ContinuousClock.now + limit
        while true {
            let left = max(.zero, end - .now)
            var files = [pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0)]
            guard poll(&files, 1, Int32(left / .milliseconds(1))) > 0 else { return false }
            guard let bytes = try? socket.read(upTo: 4096) else { return false }
            if String(decoding: bytes, as: UTF8.self).hasPrefix(beginning) { return true }
        }
    }
}
