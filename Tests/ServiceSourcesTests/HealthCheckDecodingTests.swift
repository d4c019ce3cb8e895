import Addressing
import ServiceModel
import ServiceSources
import Testing

/// Health checks, in both forms of manifests.
@Suite("Health checks in manifests")
struct HealthCheckDecodingTests {
    private static let web = ServiceName(namespace: "shop", name: "web")

    private func store(_ manifest: String) -> ManifestStore {
        var store = ManifestStore(decoder: ManifestDecoder())
        _ = store.update("a.yaml", .text(manifest))
        return store
    }

    private static func shortForm(_ check: String) -> String {
        """
        services:
          - name: shop/web
            address: 10.96.0.10
            ports: [{port: 80, name: http}, {port: 53, name: dns, protocol: udp}]
            healthCheck: \(check)
        """
    }

    private static func kubernetes(_ check: String) -> String {
        """
        kind: Service
        apiVersion: v1
        metadata:
          name: web
          namespace: shop
          annotations:
            fairlead.dev/health-check: '\(check)'
        spec: {clusterIP: 10.96.0.10, ports: [{port: 80, name: http}, {port: 53, name: dns}]}
        """
    }

    private static let good: [(String, HealthCheck)] = [
        ("{tcp: {}}", HealthCheck(probe: .tcp)),
        ("{http: }", HealthCheck(probe: .http(HealthCheck.Request()))),
        (
            "{http: {path: /healthz?full=1, host: web.example.org, status: [200, 300-399]}}",
            HealthCheck(
                probe: .http(
                    HealthCheck.Request(
                        path: "/healthz?full=1",
                        host: "web.example.org",
                        statuses: [200...200, 300...399]
                    )
                )
            )
        ),
        (
            "{https: {verify: false, serverName: web, status: 401}, port: http, panic: drop}",
            HealthCheck(
                probe: .https(
                    HealthCheck.Request(statuses: [401...401]),
                    HealthCheck.TLS(verifies: false, serverName: "web")
                ),
                port: .named("http"),
                panic: .drop
            )
        ),
        (
            "{tcp: {}, port: 8081, interval: 100ms, rise: 1, fall: 100}",
            HealthCheck(
                probe: .tcp,
                port: PortNumber(8081).map { .number($0) } ?? .endpoint,
                timing: HealthCheck.Timing(
                    interval: .milliseconds(100),
                    timeout: .milliseconds(100),
                    rise: 1,
                    fall: 100
                )
            )
        ),
        (
            "{tcp: {}, interval: 1h, timeout: 60s}",
            HealthCheck(
                probe: .tcp,
                timing: HealthCheck.Timing(interval: .seconds(3600), timeout: .seconds(60))
            )
        ),
    ]

    @Test("The short form and the annotation say the same", arguments: good)
    func values(_ text: String, _ check: HealthCheck) {
        for manifest in [Self.shortForm(text), Self.kubernetes(text)] {
            let store = store(manifest)
            #expect(store.snapshot.issues.isEmpty)
            #expect(store.snapshot.services[Self.web]?.healthCheck == check)
        }
    }

    @Test("Without one there is none")
    func absent() {
        let store = store(Self.shortForm("~"))
        #expect(store.snapshot.services[Self.web] != nil)
        #expect(store.snapshot.services[Self.web]?.healthCheck == nil)
    }

    private static let bad: [(String, String)] = [
        ("{}", "give one of tcp, http, https"),
        ("{tcp: {}, http: {}}", "give one of tcp, http, https"),
        ("{tcp: {path: /}}", "tcp.path: unknown field"),
        ("{htp: {}}", "htp: unknown field"),
        ("{http: {verify: false}}", "http.verify: unknown field"),
        ("{http: {path: healthz}}", "http.path: "),
        (#"{http: {path: "/ HTTP/1.1\r\nX: y"}}"#, "http.path: "),
        ("{http: {path: /a#b}}", "http.path: "),
        (#"{http: {host: "a\nb"}}"#, "http.host: "),
        ("{http: {host: a/b}}", "http.host: "),
        ("{http: {status: [99]}}", "http.status: "),
        ("{http: {status: [600]}}", "http.status: "),
        ("{http: {status: 399-200}}", "http.status: "),
        ("{http: {status: []}}", "http.status: "),
        ("{http: {status: [1-2-3]}}", "http.status: "),
        ("{https: {serverName: 10.0.0.1}}", "https.serverName: "),
        ("{https: {verify: perhaps}}", "https.verify: "),
        ("{tcp: {}, port: 0}", "port: "), ("{tcp: {}, port: 65536}", "port: "),
        ("{tcp: {}, port: nowhere}", "port: "),
        ("{tcp: {}, interval: 99ms}", "interval: "), ("{tcp: {}, interval: 2h}", "interval: "),
        ("{tcp: {}, interval: 5}", "interval: "),
        ("{tcp: {}, interval: 1s, timeout: 2s}", "timeout: is longer than the interval"),
        ("{tcp: {}, timeout: 1ms}", "timeout: "),
        ("{tcp: {}, rise: 0}", "rise: "), ("{tcp: {}, fall: 101}", "fall: "),
        ("{tcp: {}, panic: scream}", "panic: "), ("[tcp]", "must be a mapping"),
    ]

    @Test("A bad value is one error with file, line, object and field", arguments: bad)
    func mistakes(_ text: String, _ reason: String) {
        for (manifest, place) in [
            (Self.shortForm(text), "a.yaml:5: shop/web: services[0].healthCheck"),
            (
                Self.kubernetes(text),
                "a.yaml:7: shop/web: metadata.annotations.fairlead.dev/health-check: "
            ),
        ] {
            let issues = store(manifest).snapshot.issues.map(\.description)
            #expect(issues.count == 1, "\(issues)")
            #expect(issues.first?.hasPrefix(place) == true, "\(issues)")
            #expect(issues.first?.contains(reason) == true, "\(issues)")
        }
    }

    @Test(
        "An annotation is one mapping of bounded size",
        arguments: ["", "[", "a\n---\nb", "{tcp: {}} #" + String(repeating: "x", count: 4096)]
    )
    func annotationText(_ text: String) {
        let lines = text.split(separator: "\n").joined(separator: "\n\n          ")
        let issues = store(Self.kubernetes(lines)).snapshot.issues.map(\.description)
        #expect(issues.count == 1, "\(issues)")
        #expect(issues.first?.contains("shop/web: metadata.annotations.") == true, "\(issues)")
    }

    @Test("A bad check takes nothing away: the Service keeps its last good version")
    func lastGood() {
        var store = store(Self.shortForm("{tcp: {}}"))
        _ = store.update("a.yaml", .text(Self.shortForm("{tcp: {}, fall: 0}")))
        #expect(store.snapshot.services[Self.web]?.healthCheck == HealthCheck(probe: .tcp))
    }
}
