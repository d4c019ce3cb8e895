import Glibc
import SystemCalls

/// Notifies the service manager that started the daemon (sd_notify(3)): one datagram per message.
///
/// Without `NOTIFY_SOCKET` in the environment every call does nothing. The socket is opened once: a daemon that has
/// no descriptor left is alive and says so.
package final class ServiceManager: Sendable {
    private let address: SystemAddress?
    private let socket: OwnedDescriptor?
    /// The watchdog interval of the service manager; nil without a watchdog.
    package let watchdogInterval: Duration?

    /// Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    package init(environment: [String: String]) {
        address = environment["NOTIFY_SOCKET"].flatMap { path in
            path.hasPrefix("/") || path.hasPrefix("@") ? SystemAddress(unix: path) : nil
        }
        socket = address == nil ? nil : Self.open()
        let isForUs = environment["WATCHDOG_PID"].map { $0 == String(getpid()) } ?? true
        watchdogInterval = environment["WATCHDOG_USEC"].flatMap(Int64.init).flatMap {
            isForUs && $0 > 0 ? .microseconds($0) : nil
        }
    }

    package enum Message: Sendable, Equatable {
        /// The daemon runs, or has finished a reload.
        case ready(status: String)
        /// A reload begins; `ready` ends it.
        case reloading
        case status(String)
        case keepAlive
        case stopping
    }

    package func send(_ message: Message) {
        switch message {
        case .ready(let status): send("READY=1\nSTATUS=\(Self.line(status))")
        case .reloading:
            var now = timespec()
            unsafe clock_gettime(CLOCK_MONOTONIC, &now)
            let microseconds = Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
            send("RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
        case .status(let text): send("STATUS=\(Self.line(text))", waits: false)
        case .keepAlive: send("WATCHDOG=1", waits: false)
        case .stopping: send("STOPPING=1")
        }
    }

    /// Replaces line ends, which would end the message field and may come from hostile names.
    private static func line(_ text: String) -> String {
        String(text.map { $0.isNewline ? " " : $0 })
    }

    /// How long to wait for a busy service manager.
    private static let patience = timeval(tv_sec: 1, tv_usec: 0)

    /// Nil without a descriptor for it.
    private static func open() -> OwnedDescriptor? {
        guard let socket = try? OwnedDescriptor(socket: AF_UNIX, SOCK_DGRAM) else { return nil }
        var patience = patience
        unsafe setsockopt(
            socket.number,
            SOL_SOCKET,
            SO_SNDTIMEO,
            &patience,
            socklen_t(MemoryLayout<timeval>.size)
        )
        return socket
    }

    /// Without `waits`, a message that does not fit in the socket's queue is dropped: another of
    /// its kind follows.
    private func send(_ message: String, waits: Bool = true) {
        guard let address else { return }
        let bytes = Array(message.utf8)
        let flags = waits ? 0 : Int32(MSG_DONTWAIT)
        // An absent service manager must not stop the daemon.
        switch socket {
        case .some(let socket): _ = address.send(bytes, through: socket, flags: flags)
        case .none: break
        }
    }
}
