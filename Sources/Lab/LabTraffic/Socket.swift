import Addressing
import Glibc

/// A TCP or UDP socket, closed with its owner.
struct Socket: ~Copyable {
    let number: Int32

    init(_ family: IPFamily, _ transport: TransportProtocol) throws {
        let type = transport == .tcp ? SOCK_STREAM : SOCK_DGRAM
        number = socket(family == .ipv4 ? AF_INET : AF_INET6, Int32(type.rawValue), 0)
        guard number >= 0 else { throw SystemFailure("socket") }
    }

    deinit { close(number) }

    /// The number, which the caller has to close.
    consuming func release() -> Int32 {
        let kept = number
        discard self
        return kept
    }

    /// Port 0 picks one.
    func bind(to address: IPAddress, _ port: UInt16 = 0) throws {
        let result = unsafe withSocketAddress(address, port) { unsafe Glibc.bind(number, $0, $1) }
        guard result == 0 else { throw SystemFailure("bind \(address) port \(port)") }
    }

    /// 0, or the error number.
    func connect(to address: SocketAddress) -> Int32 {
        let result = unsafe withSocketAddress(address.address, address.port.value) {
            unsafe Glibc.connect(number, $0, $1)
        }
        return result == 0 ? 0 : errno
    }

    func setOption(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        unsafe setsockopt(number, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    func setNonBlocking() {
        _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK)
    }

    /// What the socket failed with, 0 if it did not.
    var error: Int32 {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        unsafe getsockopt(number, SOL_SOCKET, SO_ERROR, &value, &size)
        return value
    }

    /// True when one of `events` came within the time.
    func wait(for events: Int32, milliseconds: Int32) -> Bool {
        var wanted = pollfd(fd: number, events: Int16(events), revents: 0)
        return unsafe poll(&wanted, 1, milliseconds) > 0
    }
}

private func withSocketAddress<Result>(
    _ address: IPAddress,
    _ port: UInt16,
    _ body: (UnsafePointer<sockaddr>?, socklen_t) -> Result
) -> Result {
    var storage = sockaddr_storage()
    return unsafe withUnsafeMutableBytes(of: &storage) { bytes in
        let size: Int
        unsafe bytes.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
        switch address.family {
        case .ipv4:
            unsafe bytes.storeBytes(of: sa_family_t(AF_INET), as: sa_family_t.self)
            unsafe bytes[4..<8].copyBytes(from: address.bytes)
            size = MemoryLayout<sockaddr_in>.size
        case .ipv6:
            unsafe bytes.storeBytes(of: sa_family_t(AF_INET6), as: sa_family_t.self)
            unsafe bytes[8..<24].copyBytes(from: address.bytes)
            size = MemoryLayout<sockaddr_in6>.size
        }
        return unsafe body(
            bytes.assumingMemoryBound(to: sockaddr.self).baseAddress,
            socklen_t(size)
        )
    }
}

/// The address in what accept(2) or recvfrom(2) stored.
func address(in storage: sockaddr_storage) -> IPAddress {
    unsafe withUnsafeBytes(of: storage) { bytes in
        let isIPv4 = storage.ss_family == sa_family_t(AF_INET)
        let bits = unsafe bytes[isIPv4 ? 4..<8 : 8..<24].reduce(UInt128(0)) {
            $0 << 8 | UInt128($1)
        }
        return IPAddress(family: isIPv4 ? .ipv4 : .ipv6, bits: bits)
    }
}
