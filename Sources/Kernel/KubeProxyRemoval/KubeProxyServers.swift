import Addressing
import CNetlink
import DataplaneModel
import Glibc
import HostFacts
import IPVS
import Netlink
import NodeAddresses

/// kube-proxy's virtual servers of one family, and the addresses it bound for them.
///
/// IPVS does not record the creator of a virtual server. kube-proxy's are those on the addresses of its
/// link, and those on the node's own addresses at the node ports in its sets.
struct KubeProxyServers {
    private(set) var servers: [VirtualServer.Key] = []
    private(set) var addresses: [RoutingSocket.BoundAddress] = []
    /// kube-proxy's dummy link exists.
    private(set) var hasLink = false

    private let family: IPFamily

    /// `sets` are kube-proxy's. Virtual servers of `ownership` are left out.
    init(
        _ family: IPFamily,
        sets: [IPSetName: IPSet],
        sparing ownership: Ownership
    ) throws(DataplaneError) {
        self.family = family
        var socket = try RoutingSocket(NetlinkTraffic())
        if let link = try socket.link(KubeProxyNames.link), link.kind == RoutingSocket.dummy {
            hasLink = true
            addresses = try socket.addresses(family, of: link).filter(\.isAssigned)
        }
        guard IPVSSocket.isLoaded else { return }
        let bound = Set(addresses.map(\.address))
        let nodePorts = NodePorts(family, sets)
        guard !bound.isEmpty || !nodePorts.isEmpty else { return }
        let local = Set(try LocalAddresses.observe().map(\.address))
        servers = try IPVSSocket().virtualServers().filter { service in
            guard case .frontend(let socket, let transport) = service.key,
                service.key.family == family, !service.flags.haveSignature(of: ownership)
            else { return false }
            return bound.contains(socket.address)
                || local.contains(socket.address) && nodePorts.contains(socket, transport)
        }
        .map(\.key).sorted()
    }

    /// Removes the servers, then the addresses, and the link with the last address of either family.
    func remove() throws(DataplaneError) -> ApplyReport {
        var report = ApplyReport()
        if !servers.isEmpty {
            let failures = try IPVSSocket().carryOut(servers.map { .deleteVirtualServer($0) })
                .map(\.error).filter { $0.errno != ESRCH }
            report += ApplyReport(operations: servers.count - failures.count, failures: failures)
        }
        guard hasLink else { return report }
        var socket = try RoutingSocket(NetlinkTraffic())
        let name = KubeProxyNames.link
        if !addresses.isEmpty, let link = try socket.link(name) {
            let refused = try socket.remove(addresses, from: link, name)
            report += ApplyReport(operations: addresses.count - refused.count, failures: refused)
        }
        if try socket.removeDummyIfUnused(name, evenIfDown: true) { report.operations += 1 }
        return report
    }
}

/// The ports in kube-proxy's sets of node ports.
private struct NodePorts {
    private var tcp: Set<PortNumber> = []
    private var udp: Set<PortNumber> = []
    private var sctp: Set<SocketAddress> = []

    init(_ family: IPFamily, _ sets: [IPSetName: IPSet]) {
        func entries(_ role: KubeProxyNames.SetRole) -> [IPSetEntry] {
            sets[IPSetName(KubeProxyNames.set(role, family))].map { Array($0.entries.keys) } ?? []
        }
        for case .port(let port) in entries(.nodePortsTCP) { tcp.insert(port) }
        for case .port(let port) in entries(.nodePortsUDP) { udp.insert(port) }
        for case .frontend(let socket, .sctp) in entries(.nodePortsSCTP) { sctp.insert(socket) }
    }

    var isEmpty: Bool { tcp.isEmpty && udp.isEmpty && sctp.isEmpty }

    func contains(_ socket: SocketAddress, _ transport: TransportProtocol) -> Bool {
        switch transport {
        case .tcp: tcp.contains(socket.port)
        case .udp: udp.contains(socket.port)
        case .sctp: sctp.contains(socket)
        }
    }
}
