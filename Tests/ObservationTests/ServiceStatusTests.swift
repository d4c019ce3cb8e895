import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import Planning
import ServiceModel
import Testing

@testable import fairlead

@Suite("Status of a Service")
struct ServiceStatusTests {
    private static let web = ServiceName(namespace: "shop", name: "web")

    private static func snapshot(_ issues: [ObjectIssue]) -> DaemonSnapshot {
        var snapshot = DaemonSnapshot(configuration: DaemonConfiguration(), families: [.ipv4])
        snapshot.services.issues = issues
        return snapshot
    }

    @Test(
        "Issues of Services with similar names are not shown",
        arguments: ["shop/web-2", "shop/web.v2", "shop/web2", "bookshop/web", "my-shop/web"]
    )
    func similarNames(_ other: String) {
        let issues = [
            ObjectIssue(source: "a.yaml", line: 3, object: "shop/web", reason: "no port"),
            ObjectIssue(source: "a.yaml", line: 9, object: other, reason: "no port"),
        ]
        let shown = Self.snapshot(issues).issues(about: Self.web)
        #expect(shown == ["a.yaml:3: shop/web: no port"])
    }

    @Test("The name counts wherever it stands in a sentence, and so do the Service's slices")
    func shown() {
        let issues = [
            ObjectIssue(source: "b.yaml", object: "shop/api", reason: "it belongs to shop/web."),
            ObjectIssue(source: "b.yaml", object: "shop/api", reason: "see shop/web/tcp"),
            ObjectIssue(source: "cluster", object: "EndpointSlice shop/web-x7k2p", reason: "bad"),
            ObjectIssue(source: "cluster", object: "EndpointSlice shop/web-2-x7k2p", reason: "bad"),
        ]
        let shown = Self.snapshot(issues).issues(about: Self.web)
        #expect(shown == issues.prefix(3).map(\.description))
    }

    @Test("Issues of the plan are the named Service's alone")
    func plan() throws {
        var report = PassReport(kind: .full)
        report.issues = ["IPv4: shop/web:http/tcp: taken", "IPv4: shop/web-2:http/tcp: taken"]
        var snapshot = Self.snapshot([])
        snapshot.lastPass = report
        #expect(snapshot.issues(about: Self.web) == ["IPv4: shop/web:http/tcp: taken"])
    }

    @Test("An address that is external IP and load-balancer address is one frontend")
    func frontends() async throws {
        var configuration = DaemonConfiguration()
        configuration.mode = .nftables
        let telemetry = DaemonTelemetry(configuration, families: [.ipv4])
        let address = try #require(IPAddress("192.0.2.7"))
        let port = try #require(PortNumber(80))
        var snapshot = ServiceSnapshot()
        var service = Service(
            name: Self.web,
            clusterIPs: [IPAddress(ipv4: 0x0a60_0001)],
            ports: [ServicePort(port: port)]
        )
        service.externalIPs = [address]
        service.kind = .loadBalancer
        service.loadBalancerAddresses = [address]
        snapshot.services[Self.web] = service
        telemetry.received(
            .init(snapshot: snapshot, changed: .all),
            from: "files",
            over: .init(),
            isDue: true
        )
        var report = PassReport(kind: .full)
        report.settings = PlannerSettings(node: NodeIdentity(name: "node-a"))
        telemetry.passed(report, snapshot)
        let status = try #require(await telemetry.status(of: Self.web))
        let shown = status.ports.flatMap(\.frontends).map { "\($0.kind) \($0.address)" }
        #expect(shown == ["ClusterIP 10.96.0.1:80/tcp", "external IP 192.0.2.7:80/tcp"])
    }
}
