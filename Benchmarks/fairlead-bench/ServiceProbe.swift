import Addressing
import CIPTables
import Glibc

/// A client of Services, and the server behind all endpoints.
struct ServiceProbe {
    /// Between two tries, so that the one who looks does not take the processor from the one who is
    /// looked at.
    private static let pause: UInt32 = 100
    /// How long to wait for an answer at one try, in ms: over loopback it is there at once or never.
    private static let patience: Int32 = 5
    /// In seconds.
    private static let limit = 300.0

    private let listener: Int32

    init() throws {
        listener = try Sockets.listen(Workload.targetPort.value)
        guard fcntl(listener, F_SETFL, O_NONBLOCK) == 0 else { throw BenchFailure.system("fcntl") }
        _ = fcntl(listener, F_SETFD, FD_CLOEXEC)
    }

    /// Waits until the Service at this address answers; `from` says which endpoint has to.
    func waitForAnswer(of service: IPAddress, from endpoint: IPAddress? = nil) throws {
        let end = Cost.seconds(CLOCK_MONOTONIC) + Self.limit
        while Cost.seconds(CLOCK_MONOTONIC) < end {
            if let found = try connect(to: service), endpoint == nil || found == endpoint { return }
            usleep(Self.pause)
        }
        throw BenchFailure("\(service) does not answer as it should")
    }

    /// The endpoint that a connection arrives at; nil if there is none.
    private func connect(to service: IPAddress) throws -> IPAddress? {
        let port = Workload.port.value
        guard let client = try Sockets.attempt(UInt32(service.bits), port, Self.patience) else {
            return nil
        }
        defer { close(client) }
        let server = accept(listener, nil, nil)
        guard server >= 0 else { return nil }
        defer { close(server) }
        return try Sockets.localAddress(of: server)
    }
}

extension Sockets {
    /// A connection that is reset when it is closed, so that no port is kept waiting; nil if there
    /// is none within so many milliseconds.
    static func attempt(_ address: UInt32, _ port: UInt16, _ patience: Int32) throws -> Int32? {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let number = socket(AF_INET, kind, 0)
        guard number >= 0 else { throw BenchFailure.system("socket") }
        var abort = linger(l_onoff: 1, l_linger: 0)
        setsockopt(number, SOL_SOCKET, SO_LINGER, &abort, socklen_t(MemoryLayout<linger>.size))
        var target = sockaddr(address, port)
        let connected = withUnsafePointer(to: &target) {
            $0.withMemoryRebound(to: Glibc.sockaddr.self, capacity: 1) {
                connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if connected == 0 { return number }
        var waiting = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
        if errno == EINPROGRESS, poll(&waiting, 1, patience) == 1,
            Int32(waiting.revents) & (POLLERR | POLLHUP) == 0
        {
            return number
        }
        close(number)
        return nil
    }

    /// Where a connection arrived.
    static func localAddress(of number: Int32) throws -> IPAddress {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: Glibc.sockaddr.self, capacity: 1) {
                getsockname(number, $0, &length)
            }
        }
        guard result == 0 else { throw BenchFailure.system("getsockname") }
        return IPAddress(ipv4: UInt32(bigEndian: address.sin_addr.s_addr))
    }
}
