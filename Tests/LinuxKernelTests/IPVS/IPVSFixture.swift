import Addressing
import DataplaneModel
import Glibc
import HostFacts
import IPVS
import Netlink
import Testing

/// Whether this is the machine of scripts/uml, whose kernel has IPVS.
let isUML = getenv("FAIRLEAD_UML") != nil

func address(_ text: String, _ port: Int) -> SocketAddress {
    guard let address = IPAddress(text), let port = PortNumber(port) else {
        fatalError("\(text) or \(port) makes no socket address")
    }
    return SocketAddress(address, port)
}

/// A store in a new namespace, and ipvsadm.
@KernelThread
struct IPVSFixture {
    let family: IPFamily
    let store: VirtualServerStore
    let traffic = NetlinkTraffic()

    init(
        _ family: IPFamily,
        excluded: [IPPrefix] = [],
        drainTimeout: Duration = .seconds(600)
    ) throws {
        try NetworkNamespace.enterNew()
        // Before an interface is up the kernel knows no IPv4 unicast addresses, and takes none.
        try Program.check(["ip", "link", "set", "lo", "up"])
        self.family = family
        store = VirtualServerStore(
            family: family,
            excluded: excluded,
            drainTimeout: drainTimeout,
            traffic: traffic
        )
    }

    /// Service address number `number`.
    func frontend(
        _ number: Int,
        _ transport: TransportProtocol = .tcp,
        port: Int = 80
    ) -> VirtualServer.Key {
        let text =
            family == .ipv4
            ? "10.96.\(number / 200).\(1 + number % 200)" : "fd00:96::\(String(number, radix: 16))"
        return .frontend(address(text, port), transport)
    }

    /// Endpoint number `number`.
    func endpoint(_ number: Int, port: Int = 8080) -> SocketAddress {
        let text =
            family == .ipv4
            ? "10.128.\(number / 200).\(1 + number % 200)"
            : "fd00:128::\(String(number, radix: 16))"
        return address(text, port)
    }

    /// A virtual server with some of those endpoints.
    func server(
        _ key: VirtualServer.Key,
        _ endpoints: [Int] = [],
        scheduler: String = "rr"
    ) -> VirtualServer {
        VirtualServer(
            key,
            scheduler: SchedulerName(scheduler),
            realServers: realServers(endpoints.map { RealServer(endpoint($0)) })
        )
    }

    func realServers(_ servers: [RealServer]) -> [RealServer.Key: RealServer] {
        Dictionary(uniqueKeysWithValues: servers.map { ($0.key, $0) })
    }

    /// Makes these our only virtual servers, and expects no refusals.
    @discardableResult
    func apply(
        _ servers: [VirtualServer],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> ApplyReport {
        let wanted = Dictionary(uniqueKeysWithValues: servers.map { ($0.key, $0) })
        let changes = VirtualServerChange.changes(from: try store.observe(), to: wanted)
        var report = try store.make(changes)
        let removed = try store.remove(changes)
        report.operations += removed.operations
        report.failures += removed.failures
        #expect(report.failures == [], sourceLocation: sourceLocation)
        return report
    }

    /// Our virtual servers equal `servers`; differences show as changes.
    func expect(
        _ servers: [VirtualServer],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let wanted = Dictionary(uniqueKeysWithValues: servers.map { ($0.key, $0) })
        let changes = VirtualServerChange.changes(from: try store.observe(), to: wanted)
        #expect(changes == [], sourceLocation: sourceLocation)
    }

    @discardableResult
    func ipvsadm(_ arguments: String) throws -> String {
        try Program.check(["ipvsadm"] + arguments.split(separator: " ").map(String.init))
    }
}
