import Addressing
import Glibc
import SystemCalls
import SystemPackage

extension OwnedDescriptor {
    /// A TCP or UDP socket. Throws what socket(2) failed with.
    init(_ family: IPFamily, _ transport: TransportProtocol) throws(Errno) {
        try self.init(
            socket: family == .ipv4 ? AF_INET : AF_INET6,
            transport == .tcp ? SOCK_STREAM : SOCK_DGRAM
        )
    }

    /// Port 0 picks one. Throws what bind(2) failed with.
    func bind(to address: IPAddress, _ port: UInt16) throws(Errno) {
        try SystemAddress(address, port).bind(self)
    }

    /// Throws what connect(2) failed with, `nowInProgress` for a non-blocking socket.
    func connect(to address: SocketAddress) throws(Errno) {
        try SystemAddress(address.address, address.port.value).connect(self)
    }

    func setOption(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        unsafe setsockopt(number, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    func setNonBlocking() {
        _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK)
    }

    /// What a connection failed with; nil if it did not.
    var pendingError: Errno? {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        unsafe getsockopt(number, SOL_SOCKET, SO_ERROR, &value, &size)
        return value == 0 ? nil : Errno(rawValue: value)
    }

    /// True when one of `events` came within the time.
    func wait(for events: Int32, milliseconds: Int32) -> Bool {
        var wanted = pollfd(fd: number, events: Int16(events), revents: 0)
        return unsafe poll(&wanted, 1, milliseconds) > 0
    }
}
