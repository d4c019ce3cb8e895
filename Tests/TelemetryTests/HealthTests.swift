import Addressing
import DataplaneModel
import HTTPServing
import ServiceModel
import Telemetry
import Testing

@Suite("Health")
struct HealthTests {
    private let start = Moment(instant: .now, wall: 1_700_000_000.25)
    private let registry = MetricRegistry()
    private let health: DaemonHealth
    private let pages: HealthPages

    init() {
        health = DaemonHealth(deadline: .seconds(60))
        let metrics = KubeProxyMetrics(registry, mode: .nftables)
        pages = HealthPages(health, healthz: metrics.healthz, livez: metrics.livez)
        health.start([.ipv4, .ipv6], at: start)
        for family in [IPFamily.ipv4, .ipv6] { health.updated(family, began: start, at: start) }
    }

    private func after(_ seconds: Double) -> Moment { start.advanced(by: .seconds(seconds)) }

    @Test("The pages of a healthy proxy are exact")
    func exact() {
        let families = """
            "status":{"IPv4":{"lastUpdated":"2023-11-14T22:13:20.250Z","healthy":true},\
            "IPv6":{"lastUpdated":"2023-11-14T22:13:20.250Z","healthy":true}}
            """
        let times = """
            "lastUpdated":"2023-11-14T22:13:21.250Z","currentTime":"2023-11-14T22:13:21.250Z"
            """
        let headers = [("Content-Type", "application/json"), ("X-Content-Type-Options", "nosniff")]
        #expect(
            pages.healthzPage(at: after(1))
                == HTTPResponse(
                    headers: headers.map { (name: $0.0, value: $0.1) },
                    body: "{\(times),\"nodeEligible\":true,\"healthy\":true,\(families)}"
                )
        )
        #expect(pages.livezPage(at: after(1)).body == "{\(times),\"healthy\":true,\(families)}")
    }

    @Test("A proxy without Services is healthy while its loop runs")
    func quiet() {
        health.beat(at: after(1000))
        #expect(pages.healthzPage(at: after(1000)).status == 200)
        #expect(pages.livezPage(at: after(1059)).status == 200)
        #expect(pages.livezPage(at: after(1060)).status == 503)
        #expect(pages.livezPage(at: after(1060)).body.contains("the dataplane does not respond"))
    }

    @Test("A pass of any length is no fault as long as it gets on, and one that is stuck is")
    func longPass() {
        health.queued(at: after(1))
        health.heard("files", staleAfter: .seconds(10), at: after(1), asked: after(1))
        for second in 2...300 { health.works(at: after(Double(second))) }
        #expect(pages.livezPage(at: after(359)).status == 200)
        #expect(pages.healthzPage(at: after(359)).status == 200)
        #expect(pages.livezPage(at: after(360)).status == 503)
        // It fails after all, and then the change has waited too long, though the loop is alive.
        health.failed(.ipv4, began: after(1), problem: "refused")
        health.beat(at: after(310))
        #expect(pages.livezPage(at: after(311)).body.contains("a change has been pending"))
        health.updated(.ipv4, began: after(320), at: after(330))
        health.updated(.ipv6, began: after(320), at: after(330))
        #expect(pages.livezPage(at: after(331)).status == 200)
    }

    @Test("Before the first pass of every family the node is live, and neither ready nor healthy")
    func firstPass() {
        let health = DaemonHealth(deadline: .seconds(60))
        let metrics = KubeProxyMetrics(MetricRegistry(), mode: .nftables)
        let pages = HealthPages(health, healthz: metrics.healthz, livez: metrics.livez)
        health.start([.ipv4, .ipv6], at: start)
        func answers(_ seconds: Double) -> [Int] {
            [pages.livezPage, pages.readyzPage, pages.healthzPage].map {
                $0(after(seconds)).status
            }
        }
        #expect(answers(1) == [200, 503, 503])
        health.updated(.ipv4, began: after(2), at: after(3))
        #expect(answers(4) == [200, 503, 503])
        #expect(
            pages.healthzPage(at: after(4)).body.contains(
                "\"problems\":[\"IPv6: not programmed since the start\"]"
            )
        )
        health.updated(.ipv6, began: after(4), at: after(5))
        #expect(answers(6) == [200, 200, 200])
        // What a load balancer has to know is nothing for who replaces daemons.
        health.setEligibility(.tainted)
        health.heard("cluster", staleAfter: .seconds(30), at: after(0))
        #expect(answers(40) == [200, 200, 503])
    }

    @Test(
        "A family is unhealthy when its oldest change has waited for a minute, and healthy once it is programmed"
    )
    func pending() {
        health.queued(at: after(10))
        health.queued(at: after(60))
        health.updated(.ipv6, began: after(61), at: after(62))
        health.beat(at: after(69))
        #expect(pages.livezPage(at: after(69)).status == 200)
        health.beat(at: after(70))
        let ill = pages.healthzPage(at: after(70))
        #expect(ill.status == 503)
        #expect(ill.body.contains("\"healthy\":false,\"status\""))
        #expect(
            ill.body.contains(
                "\"IPv4\":{\"lastUpdated\":\"2023-11-14T22:13:20.250Z\",\"healthy\":false}"
            )
        )
        #expect(
            ill.body.contains(
                "\"IPv6\":{\"lastUpdated\":\"2023-11-14T22:14:22.250Z\",\"healthy\":true}"
            )
        )
        #expect(ill.body.contains("\"problems\":[\"IPv4: a change has been pending for 60 s\"]"))
        // Newest of the families, not now.
        #expect(ill.body.hasPrefix("{\"lastUpdated\":\"2023-11-14T22:14:22.250Z\""))
        health.updated(.ipv4, began: after(75), at: after(80))
        health.beat(at: after(80))
        #expect(pages.livezPage(at: after(80)).status == 200)
    }

    @Test("A family in which passes fail is ill, though nothing changed")
    func failing() {
        health.failed(.ipv4, began: after(10))
        health.failed(.ipv4, began: after(40))
        health.beat(at: after(70))
        #expect(pages.livezPage(at: after(69)).status == 200)
        #expect(pages.livezPage(at: after(70)).status == 503)
        health.updated(.ipv4, began: after(71), at: after(72))
        #expect(pages.livezPage(at: after(72)).status == 200)
    }

    @Test("Why a family cannot be programmed is said, until it can")
    func failureReason() {
        health.failed(.ipv4, began: after(10), problem: "no permission. This needs root")
        health.beat(at: after(70))
        let reason = "IPv4: a change has been pending for 60 s (no permission. This needs root)"
        #expect(pages.livezPage(at: after(70)).body.contains("\"problems\":[\"\(reason)\"]"))
        health.updated(.ipv4, began: after(71), at: after(72))
        health.queued(at: after(73))
        health.beat(at: after(140))
        #expect(!pages.livezPage(at: after(140)).body.contains("no permission"))
    }

    @Test("Changes during a pass still wait after it")
    func duringPass() {
        health.queued(at: after(5))
        health.updated(.ipv4, began: after(4), at: after(6))
        health.updated(.ipv6, began: after(4), at: after(6))
        health.beat(at: after(65))
        #expect(pages.livezPage(at: after(65)).status == 503)
    }

    @Test("A node that is to go is not eligible, and no reason to restart")
    func eligibility() {
        for eligibility in [NodeEligibility.unknown, .deleted, .tainted] {
            health.setEligibility(eligibility)
            let page = pages.healthzPage(at: after(1))
            #expect(page.status == 503)
            #expect(page.body.contains("\"nodeEligible\":false,\"healthy\":true,"))
            #expect(pages.livezPage(at: after(1)).status == 200)
        }
        health.setEligibility(.eligible)
        #expect(pages.healthzPage(at: after(1)).status == 200)
        let codes = registry.read().first { $0.name == "kubeproxy_proxy_healthz_total" }?.samples
        #expect(codes?.map(\.value) == [1, 3])
    }

    @Test("A silent source keeps load balancers away but does not cause a restart")
    func staleness() {
        health.heard("cluster", staleAfter: .seconds(30), at: after(0))
        health.heard("files", staleAfter: nil, at: after(0))
        #expect(pages.healthzPage(at: after(29)).status == 200)
        let page = pages.healthzPage(at: after(30))
        #expect(page.status == 503 && page.body.contains("source cluster: silent for 30 s"))
        #expect(pages.livezPage(at: after(30)).status == 200)
        health.heard("cluster", staleAfter: .seconds(30), problem: "no watch works", at: after(0))
        #expect(
            pages.healthzPage(at: after(30)).body
                .contains("source cluster: silent for 30 s (no watch works)")
        )
        health.heard("cluster", staleAfter: .seconds(30), at: after(31))
        #expect(pages.healthzPage(at: after(32)).status == 200)
    }

    @Test("A source that could not be asked during a pass is not stale, but for a loop that hangs")
    func askedBefore() {
        health.heard("files", staleAfter: .seconds(10), at: after(0), asked: after(1))
        #expect(pages.healthzPage(at: after(15)).status == 200)
        health.heard("files", staleAfter: .seconds(10), at: after(0), asked: after(11))
        #expect(pages.healthzPage(at: after(12)).status == 503)
        health.heard("files", staleAfter: .seconds(10), at: after(0), asked: after(1))
        #expect(pages.healthzPage(at: after(1000)).status == 503)
    }

    @Test("A Service's health check is exact")
    func serviceHealth() {
        let name = ServiceName(namespace: "shop", name: "web")
        let page = ServiceHealth(name: name, localEndpoints: 2).page(isProxyHealthy: true)
        #expect(
            page
                == HTTPResponse(
                    headers: [
                        ("Content-Type", "application/json"), ("X-Content-Type-Options", "nosniff"),
                        ("X-Load-Balancing-Endpoint-Weight", "2"),
                    ],
                    body: """
                        {
                        \t"service": {
                        \t\t"namespace": "shop",
                        \t\t"name": "web"
                        \t},
                        \t"localEndpoints": 2,
                        \t"serviceProxyHealthy": true
                        }
                        """
                )
        )
        #expect(
            ServiceHealth(name: name, localEndpoints: 0).page(isProxyHealthy: true).status == 503
        )
        #expect(
            ServiceHealth(name: name, localEndpoints: 1).page(isProxyHealthy: false).status == 503
        )
    }
}
