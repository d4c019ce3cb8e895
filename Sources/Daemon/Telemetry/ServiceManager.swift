import Glibc

/// Notifies the service manager that started the daemon (sd_notify(3)): one datagram per message.
///
/// Without `NOTIFY_SOCKET` in the environment every call does nothing.
package struct ServiceManager: Sendable {
    private let socketPath: String?
    /// The watchdog interval of the service manager; nil without a watchdog.
    package let watchdogInterval: Duration?

    /// Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    package init(environment: [String: String]) {
        socketPath = environment["NOTIFY_SOCKET"].flatMap { path in
            path.hasPrefix("/") || path.hasPrefix("@") ? path : nil
        }
        let isForUs = environment["WATCHDOG_PID"].map { $0 == String(getpid()) } ?? true
        watchdogInterval = environment["WATCHDOG_USEC"].flatMap(Int64.init).flatMap {
            isForUs && $0 > 0 ? .microseconds($0) : nil
        }
    }

    /// The daemon runs, or has finished a reload.
    package func ready(status: String) {
        send("READY=1\nSTATUS=\(Self.line(status))")
    }

    /// A reload has started; `ready` ends it.
    package func reloading() {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let microseconds = Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
        send("RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
    }

    package func status(_ text: String) { send("STATUS=\(Self.line(text))", waits: false) }

    package func keepAlive() { send("WATCHDOG=1", waits: false) }

    package func stopping() { send("STOPPING=1") }

    /// Replaces line ends, which would end the message field and may come from hostile names.
    private static func line(_ text: String) -> String {
        String(text.map { $0.isNewline ? " " : $0 })
    }

    /// How long to wait for a busy service manager.
    private static let patience = timeval(tv_sec: 1, tv_usec: 0)

    /// Without `waits`, a message that does not fit in the socket's queue is dropped: another of
    /// its kind follows.
    private func send(_ message: String, waits: Bool = true) {
        guard let socketPath else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(socketPath.utf8)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        // A leading @ stands for the NUL of the abstract namespace.
        if path.first == UInt8(ascii: "@") { path[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var patience = Self.patience
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_SNDTIMEO,
            &patience,
            socklen_t(MemoryLayout<timeval>.size)
        )
        let flags = Int32(MSG_NOSIGNAL) | (waits ? 0 : Int32(MSG_DONTWAIT))
        let bytes = Array(message.utf8)
        // An absent service manager must not stop the daemon.
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, bytes, bytes.count, flags, $0, length)
            }
        }
    }
}
