package import Addressing
import Glibc
import SystemCalls
import SystemPackage

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
    /// The system call's, if one failed.
    var code: Errno?

    package init(_ description: String) {
        self.description = description
    }

    init(_ operation: String, _ subject: some CustomStringConvertible, _ error: Errno) {
        description = "\(operation) \(subject): \(error)"
        code = error
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
                // Without IPv6 on this host, IPv4 alone is left to try; not where the port is taken.
                guard error.code == .addressFamilyNotSupported || error.code == .addressNotAvailable
                else { throw error }
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
        let socket = try newSocket(ip.family == .ipv4 ? AF_INET : AF_INET6, subject)
        try set(socket, SOL_SOCKET, SO_REUSEADDR, 1, subject)
        if ip.family == .ipv6 {
            try set(socket, Int32(IPPROTO_IPV6), IPV6_V6ONLY, bothFamilies ? 0 : 1, subject)
        }
        try subject.checked("bind") { () throws(Errno) in
            try SystemAddress(ip, port.value).bind(socket)
        }
        guard listen(socket.number, backlog) == 0 else {
            throw ListeningError("listen", subject, .last)
        }
        return socket.release()
    }

    private static func newSocket(
        _ domain: Int32,
        _ subject: ListeningAddress
    ) throws(ListeningError) -> OwnedDescriptor {
        try subject.checked("socket") { () throws(Errno) in
            try OwnedDescriptor(socket: domain, SOCK_STREAM, flags: Int32(SOCK_NONBLOCK.rawValue))
        }
    }

    private static func set(
        _ socket: borrowing OwnedDescriptor,
        _ level: Int32,
        _ option: Int32,
        _ value: Int32,
        _ subject: ListeningAddress
    ) throws(ListeningError) {
        var value = value
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard setsockopt(socket.number, level, option, &value, size) == 0 else {
            throw ListeningError("setsockopt", subject, .last)
        }
    }
}

extension ListeningAddress {
    /// Runs a call; its error names the call and this address.
    fileprivate func checked<Result: ~Copyable>(
        _ operation: String,
        _ body: () throws(Errno) -> Result
    ) throws(ListeningError) -> Result {
        do {
            return try body()
        } catch {
            throw ListeningError(operation, self, error)
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
        guard let name = SystemAddress(unix: temporary) else {
            throw ListeningError("\(path): is too long for a socket path")
        }
        let socket = try newSocket(AF_UNIX, address)
        unlink(temporary)
        // What bind makes has the mode of the descriptor's inode: there is no moment in which
        // others could connect.
        guard fchmod(socket.number, 0o600) == 0 else { throw ListeningError("fchmod", path, .last) }
        try address.checked("bind") { () throws(Errno) in try name.bind(socket) }
        guard listen(socket.number, backlog) == 0, rename(temporary, path) == 0 else {
            let error = Errno.last
            unlink(temporary)
            throw ListeningError("listen", path, error)
        }
        return socket.release()
    }

    private static func makeWay(_ path: String) throws(ListeningError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw ListeningError(
                "\(path): exists and is not a socket; remove it or choose another path"
            )
        }
        guard let name = SystemAddress(unix: path) else { return }
        let probe = try newSocket(AF_UNIX, .unix(path))
        if (try? name.connect(probe)) != nil {
            throw ListeningError("\(path): another daemon is listening on it")
        }
    }
}
