import Addressing
import DaemonConfiguration
import DataplaneModel
import Glibc
import LinuxKernel
import Planning
import ServiceModel

/// What has to be looked up on the node itself, in the calling thread's network namespace.
struct NodeFacts: Equatable, Sendable {
    var hostName: String
    /// Addresses on interfaces.
    var localAddresses: [IPAddress]
    /// The node's own addresses, one a family, where the configuration names none.
    var primaryAddresses: [IPAddress]
    /// Whether out-of-window segments count as valid, so that invalid packets need no drop.
    var tcpIsLiberal: Bool

    /// What can't be found out is taken as absent.
    static func observe() -> NodeFacts {
        NodeFacts(
            hostName: hostName(),
            localAddresses: (try? LocalAddresses.observe())?.map(\.address) ?? [],
            primaryAddresses: IPFamily.allCases.compactMap { LocalAddresses.primary($0) },
            tcpIsLiberal: (try? Sysctl.read("net.netfilter.nf_conntrack_tcp_be_liberal")) == "1"
        )
    }

    /// In lower case, as node names are in Kubernetes.
    private static func hostName() -> String {
        var name = utsname()
        guard uname(&name) == 0 else { return "" }
        return withUnsafeBytes(of: name.nodename) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self).lowercased()
        }
    }
}

extension PlannerSettings {
    /// The configuration's wishes, completed by what the node is.
    init(_ configuration: DaemonConfiguration, facts: NodeFacts) {
        let configured = configuration.node.addresses
        self.init(
            node: NodeIdentity(
                name: configuration.node.name ?? facts.hostName,
                zone: configuration.node.zone,
                addresses: configured.isEmpty ? facts.primaryAddresses : configured
            ),
            localAddresses: facts.localAddresses,
            detector: configuration.localDetector,
            nodePortAddresses: configuration.nodePorts.addresses,
            localhostNodePorts: configuration.nodePorts.localhost,
            masqueradeAll: configuration.masquerade.all,
            masqueradeBit: 1 << UInt32(configuration.masquerade.markBit),
            serviceCIDRs: configuration.serviceCIDRs,
            allowedExternalIPs: configuration.allowedExternalIPs,
            dropInvalid: !facts.tcpIsLiberal
        )
    }
}
