package import Addressing
import CIPTables
import Glibc
import HostFacts

extension LocalAddresses {
    /// The address this node would speak from to the outside world; nil without a route there.
    ///
    /// Asks the routing table by connecting a datagram socket, which sends nothing.
    package static func primary(_ family: IPFamily) -> IPAddress? {
        let isIPv4 = family == .ipv4
        let descriptor = socket(
            isIPv4 ? AF_INET : AF_INET6,
            Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue),
            0
        )
        guard descriptor >= 0 else { return nil }
        let file = FileDescriptor(owning: descriptor)
        return isIPv4 ? primaryIPv4(file) : primaryIPv6(file)
    }

    /// Toward 192.0.2.1, which is nobody's (RFC 5737); port 9 is `discard`.
    private static func primaryIPv4(_ file: borrowing FileDescriptor) -> IPAddress? {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(9).bigEndian
        address.sin_addr.s_addr = UInt32(0xc000_0201).bigEndian
        guard exchange(file, &address) else { return nil }
        return IPAddress(ipv4: UInt32(bigEndian: address.sin_addr.s_addr))
    }

    /// Toward 2001:db8::1, which is nobody's (RFC 3849).
    private static func primaryIPv6(_ file: borrowing FileDescriptor) -> IPAddress? {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = UInt16(9).bigEndian
        let target: [UInt8] = [0x20, 0x01, 0x0d, 0xb8] + Array(repeating: 0, count: 11) + [1]
        unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { unsafe $0.copyBytes(from: target) }
        guard exchange(file, &address) else { return nil }
        let bits = unsafe withUnsafeBytes(of: &address.sin6_addr) { bytes in
            unsafe bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        }
        return IPAddress(family: .ipv6, bits: bits)
    }

    /// Connects to `address` and puts the socket's own address in its place.
    private static func exchange<Address>(
        _ file: borrowing FileDescriptor,
        _ address: inout Address
    ) -> Bool {
        let number = file.number
        var length = socklen_t(MemoryLayout<Address>.size)
        return unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                guard unsafe connect(number, generic, length) == 0 else { return false }
                return unsafe getsockname(number, generic, &length) == 0
            }
        }
    }
}
