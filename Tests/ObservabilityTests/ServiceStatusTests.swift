import Addressing
import DaemonConfiguration
import Dataplane
import DataplaneModel
import Planning
import ServiceModel
import Testing

@testable import Observability

@Suite("Status of a Service")
struct ServiceStatusTests {
    private static let web = ServiceName(namespace: "shop", name: "web")

    private static func snapshot(_ issues: [ObjectIssue]) -> DaemonSnapshot {
        var snapshot = DaemonSnapshot(configuration: DaemonConfiguration(), families: [.ipv4])
        snapshot.sourceIssues = issues
        return snapshot
    }

    @Test(
        "Issues of Services with similar names are not shown",
        arguments: ["web-2", "web.v2", "web2"]
    )
    func similarNames(_ other: String) {
        let issues = [Self.web, ServiceName(namespace: "shop", name: other)].map { name in
            ObjectIssue(
                source: "a.yaml",
                object: name.description,
                reason: "no port",
                service: name
            )
        }
        let shown = Self.snapshot(issues).issues(about: Self.web)
        #expect(shown == ["a.yaml: shop/web: no port"])
    }

    @Test("Issues of the plan are the named Service's, and those of who claims what it has")
    func plan() throws {
        func port(_ name: String) -> ServicePortName {
            let service = ServiceName(namespace: "shop", name: name)
            return ServicePortName(service: service, port: "http", transport: .tcp)
        }
        var report = PassReport(kind: .full)
        var outcome = PassReport.FamilyOutcome(family: .ipv4)
        outcome.issues = [
            PlanIssue(port("api"), reason: "taken", holder: port("web")),
            PlanIssue(port("web"), reason: "no numbers left"),
            PlanIssue(port("web-2"), reason: "taken by shop/web"),
        ]
        report.families = [outcome]
        var snapshot = Self.snapshot([])
        snapshot.lastPass = report
        #expect(
            snapshot.issues(about: Self.web) == [
                "IPv4: shop/api:http: taken", "IPv4: shop/web:http: no numbers left",
            ]
        )
    }

    @Test("An address that is external IP and load-balancer address is one frontend")
    func frontends() async throws {
        var configuration = DaemonConfiguration()
        configuration.mode = .nftables
        var daemon = ObservedDaemon(configuration)
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
        daemon.pass(snapshot)
        let status = try #require(await daemon.view.status(of: Self.web))
        let shown = status.ports.flatMap(\.frontends).map { "\($0.kind) \($0.address)" }
        #expect(shown == ["ClusterIP 10.96.0.1:80/tcp", "external IP 192.0.2.7:80/tcp"])
        let lines = status.text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(
            lines.prefix(6) == [
                "shop/web, LoadBalancer, from files", "", "IPv4",
                "  ClusterIP 10.96.0.1:80/tcp, policy Cluster",
                "  external IP 192.0.2.7:80/tcp, policy Cluster", "  no endpoints",
            ]
        )
    }
}
