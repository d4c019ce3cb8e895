import Addressing
import Glibc

/// A listening TCP socket in the network namespace of the calling thread.
struct TCPListener: ~Copyable {
    private let number: Int32

    /// Listens at an IPv4 address.
    init(at address: SocketAddress) throws {
        let opened = try makeSocket()
        let bound = withName(address) { bind(opened, $0, $1) }
        guard bound == 0, listen(opened, 16) == 0 else {
            throw Program.Failure(description: "listen at \(address): errno \(errno)")
        }
        number = opened
    }

    deinit { close(number) }

    /// The next connection, which must come within seconds.
    func accept() throws -> TCPConnection {
        var wait = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        guard poll(&wait, 1, 5000) == 1 else {
            throw Program.Failure(description: "no connection came")
        }
        return TCPConnection(owning: Glibc.accept(number, nil, nil))
    }
}

/// A TCP connection.
struct TCPConnection: ~Copyable {
    private let number: Int32

    init(owning number: Int32) { self.number = number }

    init(to address: SocketAddress) throws {
        let opened = try makeSocket()
        let connected = withName(address) { connect(opened, $0, $1) }
        guard connected == 0 else {
            throw Program.Failure(description: "connect to \(address): errno \(errno)")
        }
        number = opened
    }

    /// Ends it at once, without waiting for the other side (a reset).
    deinit {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
            number,
            SOL_SOCKET,
            SO_LINGER,
            &linger,
            socklen_t(MemoryLayout.size(ofValue: linger))
        )
        close(number)
    }

    func send(_ byte: UInt8) -> Bool {
        var byte = byte
        return Glibc.send(number, &byte, 1, Int32(MSG_NOSIGNAL)) == 1
    }

    /// The next byte, or nil if none comes within seconds.
    func receive() -> UInt8? {
        var wait = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        var byte: UInt8 = 0
        guard poll(&wait, 1, 5000) == 1, recv(number, &byte, 1, 0) == 1 else { return nil }
        return byte
    }
}

private func makeSocket() throws -> Int32 {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard number >= 0 else { throw Program.Failure(description: "socket: errno \(errno)") }
    // Also the patience of connect.
    var patience = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(
        number,
        SOL_SOCKET,
        SO_SNDTIMEO,
        &patience,
        socklen_t(MemoryLayout.size(ofValue: patience))
    )
    return number
}

private func withName(
    _ address: SocketAddress,
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
) -> Int32 {
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = address.port.value.bigEndian
    name.sin_addr.s_addr = UInt32(truncatingIfNeeded: address.address.bits).bigEndian
    return withUnsafePointer(to: &name) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
}
