import Addressing
import DataplaneModel
import Glibc
import HostFacts
import NodeAddresses
package import Planning

extension NodeFacts {
    /// What can't be found out is taken as absent.
    package static func observe() -> NodeFacts {
        observe(
            (try? LocalAddresses.observe()) ?? [],
            (try? PrimaryAddressWatch().addresses()) ?? [],
            tcpIsLiberal: (try? isOn(KeptSysctl(tcpLiberality))) ?? false
        )
    }

    /// Not there before connections are tracked.
    static let tcpLiberality = "net.netfilter.nf_conntrack_tcp_be_liberal"

    /// A parameter that is missing or may not be read is off. Fails if the host lacks descriptors or memory to find
    /// out.
    static func isOn(_ parameter: KeptSysctl) throws(DataplaneError) -> Bool {
        do throws(DataplaneError) {
            return try parameter.read() == "1"
        } catch {
            if error.isShortage { throw error }
            return false
        }
    }

    static func observe(
        _ addresses: [LocalAddress],
        _ primary: [IPAddress],
        tcpIsLiberal: Bool
    ) -> NodeFacts {
        NodeFacts(
            hostName: hostName(),
            localAddresses: own(addresses),
            primaryAddresses: primary,
            tcpIsLiberal: tcpIsLiberal
        )
    }

    /// Without what is bound for Services, which is there because of them.
    static func own(_ addresses: [LocalAddress]) -> [IPAddress] {
        addresses.filter { $0.interface != Ownership.fairlead.link }.map(\.address)
    }

    /// In lower case, as node names are in Kubernetes.
    package static func hostName() -> String {
        var name = utsname()
        guard unsafe uname(&name) == 0 else { return "" }
        return unsafe withUnsafeBytes(of: name.nodename) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self).lowercased()
        }
    }
}
