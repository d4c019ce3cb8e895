package import Addressing
package import DataplaneModel
import Glibc
import HostFacts
import SystemCalls
import SystemPackage

extension LocalAddresses {
    /// The source address of this node's connections to the outside; nil without a route there.
    ///
    /// Connects a datagram socket, which looks up the route and sends nothing.
    ///
    /// - Throws: if the host lacks descriptors or memory to find out.
    package static func primary(_ family: IPFamily) throws(DataplaneError) -> IPAddress? {
        // To addresses reserved for documentation (RFC 5737, RFC 3849); port 9 is `discard`.
        let (domain, target) =
            switch family {
            case .ipv4: (AF_INET, IPAddress(ipv4: 0xc000_0201))
            case .ipv6: (AF_INET6, IPAddress(family: .ipv6, bits: 0x2001_0db8 << 96 | 1))
            }
        do throws(Errno) {
            let socket = try OwnedDescriptor(socket: domain, SOCK_DGRAM)
            try SystemAddress(target, 9).connect(socket)
            return try SystemAddress.own(of: socket).ip
        } catch {
            let failure = DataplaneError.system("connect", "source address", error.rawValue)
            if failure.isShortage { throw failure }
            return nil
        }
    }
}
