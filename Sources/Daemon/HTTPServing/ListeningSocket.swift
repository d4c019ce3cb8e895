package import Addressing
import Glibc

/// Where a server listens.
package enum ListeningAddress: Sendable, Hashable, CustomStringConvertible {
    /// One address, or all addresses of one family (`0.0.0.0`, `::`).
    case address(IPAddress, PortNumber)
    /// All addresses of both families, or of IPv4 on a host without IPv6.
    case everywhere(PortNumber)
    /// A Unix socket at an absolute path, accessible to its owner only.
    case unix(String)

    package var description: String {
        switch self {
        case .address(let address, let port): "\(SocketAddress(address, port))"
        case .everywhere(let port): "*:\(port)"
        case .unix(let path): path
        }
    }
}

/// Why an address cannot be listened on.
package struct ListeningError: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) {
        self.description = description
    }

    init(_ operation: String, _ subject: some CustomStringConvertible, _ code: Int32) {
        description = "\(operation) \(subject): \(String(cString: strerror(code)))"
    }
}

/// Opens listening sockets in the calling thread's network namespace.
package enum ListeningSocket {
    private static let backlog: Int32 = 128

    /// The descriptor, owned by the caller.
    package static func open(_ address: ListeningAddress) throws(ListeningError) -> Int32 {
        switch address {
        case .address(let ip, let port):
            return try openTCP(ip, port, bothFamilies: false, address)
        case .everywhere(let port):
            do {
                return try openTCP(
                    IPAddress(family: .ipv6, bits: 0),
                    port,
                    bothFamilies: true,
                    address
                )
            } catch {
                // Without IPv6 in the kernel, IPv4 alone is left to try.
                return try openTCP(IPAddress(ipv4: 0), port, bothFamilies: false, address)
            }
        case .unix(let path): return try openUnix(path)
        }
    }

    private static func openTCP(
        _ ip: IPAddress,
        _ port: PortNumber,
        bothFamilies: Bool,
        _ subject: ListeningAddress
    ) throws(ListeningError) -> Int32 {
        let domain = ip.family == .ipv4 ? AF_INET : AF_INET6
        let descriptor = try newSocket(domain, subject)
        do throws(ListeningError) {
            try set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1, subject)
            if ip.family == .ipv6 {
                try set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, bothFamilies ? 0 : 1, subject)
            }
            let status =
                ip.family == .ipv4
                ? bind(descriptor, ipv4(ip, port)) : bind(descriptor, ipv6(ip, port))
            guard status == 0 else { throw ListeningError("bind", subject, errno) }
            guard listen(descriptor, backlog) == 0 else {
                throw ListeningError("listen", subject, errno)
            }
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func newSocket(
        _ domain: Int32,
        _ subject: ListeningAddress
    ) throws(ListeningError) -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(domain, kind, 0)
        guard descriptor >= 0 else { throw ListeningError("socket", subject, errno) }
        return descriptor
    }

    private static func set(
        _ descriptor: Int32,
        _ level: Int32,
        _ option: Int32,
        _ value: Int32,
        _ subject: ListeningAddress
    ) throws(ListeningError) {
        var value = value
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard setsockopt(descriptor, level, option, &value, size) == 0 else {
            throw ListeningError("setsockopt", subject, errno)
        }
    }

    private static func ipv4(_ ip: IPAddress, _ port: PortNumber) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.value.bigEndian
        address.sin_addr.s_addr = UInt32(truncatingIfNeeded: ip.bits).bigEndian
        return address
    }

    private static func ipv6(_ ip: IPAddress, _ port: PortNumber) -> sockaddr_in6 {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.value.bigEndian
        withUnsafeMutableBytes(of: &address.sin6_addr) { bytes in
            for index in 0..<16 {
                bytes[index] = UInt8(truncatingIfNeeded: ip.bits >> UInt128(8 * (15 - index)))
            }
        }
        return address
    }

    private static func bind<Address>(_ descriptor: Int32, _ address: Address) -> Int32 {
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }
}

// MARK: Unix sockets

extension ListeningSocket {
    /// Replaces a socket without a listener; never anything else.
    private static func openUnix(_ path: String) throws(ListeningError) -> Int32 {
        try makeWay(path)
        // A directory such as /run/fairlead does not survive a reboot.
        if let slash = path.lastIndex(of: "/") { mkdir(String(path[..<slash]), 0o755) }
        // Created beside the path and renamed, so that it never exists half configured.
        let temporary = "\(path).\(getpid())"
        let address = ListeningAddress.unix(path)
        guard let name = unixAddress(temporary) else {
            throw ListeningError("\(path): is too long for a socket path")
        }
        let descriptor = try newSocket(AF_UNIX, address)
        do throws(ListeningError) {
            unlink(temporary)
            // bind gives the socket the mode of the descriptor's inode, so other users can never
            // connect.
            guard fchmod(descriptor, 0o600) == 0 else {
                throw ListeningError("fchmod", path, errno)
            }
            guard bind(descriptor, name) == 0 else { throw ListeningError("bind", path, errno) }
            guard listen(descriptor, backlog) == 0, rename(temporary, path) == 0 else {
                let code = errno
                unlink(temporary)
                throw ListeningError("listen", path, code)
            }
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func makeWay(_ path: String) throws(ListeningError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw ListeningError(
                "\(path): exists and is not a socket; remove it or choose another path"
            )
        }
        guard let name = unixAddress(path) else { return }
        let probe = try newSocket(AF_UNIX, .unix(path))
        defer { close(probe) }
        let answered = withUnsafePointer(to: name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(probe, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        if answered { throw ListeningError("\(path): another daemon is listening on it") }
    }

    private static func unixAddress(_ path: String) -> sockaddr_un? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        // Leaves room for the terminating NUL.
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }
}
