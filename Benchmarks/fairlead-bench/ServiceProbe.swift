import Addressing
import CIPTables
import Glibc

/// A client of Services, and the server behind all endpoints.
struct ServiceProbe {
    /// How long to wait for an answer at one try, in ms: over loopback it is there at once or never.
    private static let patience: Int32 = 5
    /// In seconds.
    private static let limit = 1800.0

    private let listener: Int32
    /// Throws if waiting is in vain.
    var guardian: () throws -> Void = {}

    init() throws {
        listener = try Sockets.listen(Workload.targetPort.value)
        guard fcntl(listener, F_SETFL, O_NONBLOCK) == 0 else { throw BenchFailure.system("fcntl") }
        _ = fcntl(listener, F_SETFD, FD_CLOEXEC)
    }

    /// Waits until the Service at this address answers.
    func waitForAnswer(of service: IPAddress) throws {
        try wait(for: service) { _ in true }
    }

    /// Waits until the Service at this address answers from an endpoint that will do.
    func wait(for service: IPAddress, until isRight: (IPAddress) -> Bool) throws {
        let began = Cost.seconds(CLOCK_MONOTONIC)
        var checked = began
        while true {
            if let found = try connect(to: service), isRight(found) { return }
            let now = Cost.seconds(CLOCK_MONOTONIC)
            guard now < began + Self.limit else {
                throw BenchFailure("\(service) does not answer as it should")
            }
            if now > checked + 0.5 {
                try guardian()
                checked = now
            }
            usleep(Self.pause(after: now - began))
        }
    }

    /// Microseconds between two tries, after so many seconds of waiting: a fiftieth, so that the one
    /// who looks does not take the processor from the one who is looked at.
    static func pause(after waited: Double) -> UInt32 {
        UInt32(min(max(waited / 50, 100e-6), 20e-3) * 1e6)
    }

    /// The endpoint that a connection arrives at; nil if there is none.
    func connect(to service: IPAddress) throws -> IPAddress? {
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
