package import Addressing
import CIPTables
package import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

/// A datagram socket, through which xtables and IPVS answer socket options.
///
/// The kernel takes these options on any socket of the family, and asks for CAP_NET_ADMIN there. iptables opens
/// a raw socket, for which alone it would take CAP_NET_RAW as well.
package struct XTablesSocket: ~Copyable {
    private let file: OwnedDescriptor
    private let level: Int32
    package let isIPv4: Bool

    package init(_ family: IPFamily) throws(DataplaneError) {
        let domain = family == .ipv4 ? AF_INET : AF_INET6
        file = try OwnedDescriptor.socket(
            domain,
            SOCK_DGRAM,
            0,
            for: "\(family.rawValue) datagram socket"
        )
        level = family == .ipv4 ? Int32(IPPROTO_IP) : Int32(IPPROTO_IPV6)
        isIPv4 = family == .ipv4
    }

    /// Reads an option into `value`, an imported C struct; returns 0 or the error number.
    package func get<Value>(_ option: Int32, into value: inout Value) -> Int32 {
        var length = socklen_t(MemoryLayout<Value>.size)
        return unsafe withUnsafeMutableBytes(of: &value) {
            unsafe getsockopt(file.number, level, option, $0.baseAddress, &length) == 0 ? 0 : errno
        }
    }

    /// As `get`, for an option of any length, which fills `bytes` from the beginning on.
    func get(_ option: Int32, into bytes: borrowing TableBytes, count: Int) -> Int32 {
        var length = socklen_t(count)
        return unsafe getsockopt(file.number, level, option, bytes.base, &length) == 0 ? 0 : errno
    }

    /// Writes an option, the first `count` bytes of `bytes`; returns 0 or the error number.
    func set(_ option: Int32, to bytes: borrowing TableBytes, count: Int) -> Int32 {
        let length = socklen_t(count)
        defer { ThreadProgress.step() }
        return unsafe setsockopt(file.number, level, option, bytes.base, length) == 0 ? 0 : errno
    }
}
