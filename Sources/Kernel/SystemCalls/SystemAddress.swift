package import Addressing
package import Glibc
package import SystemPackage

/// An address in the form that the socket calls use.
package struct SystemAddress {
    private var storage = sockaddr_storage()
    private var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

    /// Any family, to be filled in by a call.
    package init() {}

    package init(_ ip: IPAddress, _ port: UInt16) {
        switch ip.family {
        case .ipv4:
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(truncatingIfNeeded: ip.bits).bigEndian
            set(address)
        case .ipv6:
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            // in6_addr is 16 bytes in network order, as is the number once it is big-endian.
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) {
                unsafe $0.storeBytes(of: ip.bits.bigEndian, as: UInt128.self)
            }
            set(address)
        }
    }

    /// A Unix socket's path; with a leading `@` a name in the abstract name space. Nil if it is too
    /// long for a socket's name.
    package init?(unix path: String) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        // With room for the NUL at the end.
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        let isAbstract = bytes.first == UInt8(ascii: "@")
        if isAbstract { bytes[0] = 0 }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        set(address)
        // An abstract name ends with the length, not with a NUL.
        length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1))
    }

    private mutating func set<Address>(_ address: Address) {
        // sockaddr_storage has room for every family's address.
        unsafe withUnsafeMutableBytes(of: &storage) {
            unsafe $0.storeBytes(of: address, as: Address.self)
        }
        length = socklen_t(MemoryLayout<Address>.size)
    }

    /// Nil for other families than IPv4 and IPv6.
    package var ip: IPAddress? {
        unsafe passed { address, _ in unsafe Self.ip(address) }
    }

    /// Nil for other families than IPv4 and IPv6. There must be as many bytes as the family's address
    /// has.
    package static func ip(_ address: UnsafePointer<sockaddr>) -> IPAddress? {
        let bytes = unsafe UnsafeRawPointer(address)
        switch Int32(unsafe address.pointee.sa_family) {
        case AF_INET:
            let address = unsafe bytes.loadUnaligned(as: sockaddr_in.self)
            return IPAddress(ipv4: UInt32(bigEndian: address.sin_addr.s_addr))
        case AF_INET6:
            let address = unsafe bytes.loadUnaligned(as: sockaddr_in6.self)
            let bits = unsafe withUnsafeBytes(of: address.sin6_addr) {
                unsafe $0.loadUnaligned(as: UInt128.self)
            }
            return IPAddress(family: .ipv6, bits: UInt128(bigEndian: bits))
        default: return nil
        }
    }

    /// Calls `body` with the address in C's form, which is valid until it returns.
    private func passed<Result>(to body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        unsafe withUnsafePointer(to: storage) { pointer in
            // Every family's address begins as a sockaddr does, and sockaddr_storage is aligned
            // for all.
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, length)
            }
        }
    }
}

extension SystemAddress {
    package func bind(_ socket: borrowing OwnedDescriptor) throws(Errno) {
        let number = socket.number
        guard unsafe passed(to: { unsafe Glibc.bind(number, $0, $1) }) == 0 else { throw .last }
    }

    package func connect(_ socket: borrowing OwnedDescriptor) throws(Errno) {
        let number = socket.number
        guard unsafe passed(to: { unsafe Glibc.connect(number, $0, $1) }) == 0 else { throw .last }
    }

    /// Sends a datagram to this address, with `MSG_NOSIGNAL`; false unless all of it was sent at once.
    package func send(
        _ bytes: [UInt8],
        through socket: borrowing OwnedDescriptor,
        flags: Int32 = 0
    ) -> Bool {
        let number = socket.number
        let flags = flags | Int32(MSG_NOSIGNAL)
        let sent = unsafe passed { unsafe sendto(number, bytes, bytes.count, flags, $0, $1) }
        return sent == bytes.count
    }

    /// The local address of a socket.
    package static func own(of socket: borrowing OwnedDescriptor) throws(Errno) -> SystemAddress {
        var address = SystemAddress()
        var length = address.length
        let number = socket.number
        let status = unsafe withUnsafeMutablePointer(to: &address.storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(number, $0, &length)
            }
        }
        guard status == 0 else { throw .last }
        address.length = length
        return address
    }
}
