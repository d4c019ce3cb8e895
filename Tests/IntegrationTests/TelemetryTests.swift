import Addressing
import Foundation
import NamespaceLab
import Testing

extension KernelSuites {
    /// Health checks, metrics and status of a running daemon.
    @Suite("Health, metrics and status")
    struct TelemetryTests {
        private static func manifest(ready: Bool = true, port: Int = 32100) -> String {
            """
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: shop}
            spec:
              type: LoadBalancer
              externalTrafficPolicy: Local
              healthCheckNodePort: \(port)
              clusterIP: 10.96.0.10
              clusterIPs: [10.96.0.10]
              ipFamilies: [IPv4]
              ports: [{port: 80, targetPort: 8080, nodePort: 30080, protocol: TCP}]
            status: {loadBalancer: {ingress: [{ip: 198.51.100.5}]}}
            ---
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
            addressType: IPv4
            ports: [{port: 8080, protocol: TCP, name: ""}]
            endpoints:
              - {addresses: [\(LabAddresses.pod(1, .ipv4))], nodeName: node-a, conditions: {ready: \(ready)}}
              - {addresses: [\(LabAddresses.pod(2, .ipv4))], nodeName: node-b}

            """
        }

        /// Status, headers and body of a request from a namespace; nil without an answer.
        private func get(
            _ url: String,
            in namespace: String,
            accept: String = "*/*"
        ) throws -> (head: String, body: String)? {
            let (output, status) = try LabCommand.result(
                ["curl", "-s", "-i", "--max-time", "5", "-H", "Accept: \(accept)", url],
                in: namespace
            )
            guard status == 0, let end = output.firstRange(of: "\r\n\r\n") else { return nil }
            return (String(output[..<end.lowerBound]), String(output[end.upperBound...]))
        }

        @Test("A health check node port follows its Service, and is there for the outside")
        func healthCheckNodePort() throws {
            let fixture = try DaemonFixture(mode: "nftables", servers: false)
            try fixture.write(Self.manifest())
            try fixture.start()
            try fixture.waitUntilApplied()
            let url = "http://\(LabAddresses.node(.ipv4)):32100/any/path"
            #expect(try eventually { try get(url, in: fixture.lab.client) != nil })
            let answer = try #require(try get(url, in: fixture.lab.client))
            #expect(answer.head.hasPrefix("HTTP/1.1 200 OK"))
            #expect(answer.head.contains("X-Load-Balancing-Endpoint-Weight: 1"))
            #expect(answer.body.contains("\"localEndpoints\": 1"))
            let posted = try LabCommand.run(
                ["curl", "-s", "-i", "--max-time", "5", "-X", "POST", url],
                in: fixture.lab.client
            )
            #expect(posted.hasPrefix("HTTP/1.1 405"), "\(posted)")
            try fixture.write(Self.manifest(ready: false))
            #expect(
                try eventually {
                    try get(url, in: fixture.lab.client)?.head.hasPrefix("HTTP/1.1 503") == true
                }
            )
            // Another port: the old one is closed.
            let moved = "http://\(LabAddresses.node(.ipv4)):32101/"
            try fixture.write(Self.manifest(port: 32101))
            #expect(try eventually { try get(moved, in: fixture.lab.client) != nil })
            #expect(try eventually { try get(url, in: fixture.lab.client) == nil })
            try fixture.remove("services.yaml")
            #expect(try eventually { try get(moved, in: fixture.lab.client) == nil })
            try fixture.stop()
        }

        @Test("A health check port that is in use is reported, and served when it is free")
        func portInUse() throws {
            let fixture = try DaemonFixture(mode: "nftables", servers: false)
            let squatter = try fixture.agent.serve(
                ["0.0.0.0:32100/tcp"],
                as: "squatter",
                in: fixture.lab.node
            )
            try fixture.write(Self.manifest())
            try fixture.start()
            try fixture.waitUntilApplied()
            #expect(
                try eventually {
                    fixture.log.contains("Failed to listen") && fixture.log.contains("32100")
                }
            )
            #expect(try status(fixture).contains("address: health check of shop/web: bind"))
            squatter.signal(SIGKILL)
            let url = "http://\(LabAddresses.node(.ipv4)):32100/"
            #expect(try eventually { try get(url, in: fixture.lab.client) != nil })
            try fixture.stop()
        }

        @Test("The health and metrics servers answer in the node's namespace")
        func servers() throws {
            let fixture = try DaemonFixture(mode: "iptables", servers: false)
            try fixture.write(Self.manifest())
            try fixture.start()
            try fixture.waitUntilApplied()
            let node = fixture.lab.node
            for path in ["healthz", "livez"] {
                let page = try #require(try get("http://127.0.0.1:10256/\(path)", in: node))
                #expect(page.head.hasPrefix("HTTP/1.1 200 OK"))
                #expect(page.body.hasPrefix("{\"lastUpdated\":\""))
                #expect(page.body.contains("\"nodeEligible\":true") == (path == "healthz"))
            }
            let metrics = "http://127.0.0.1:10249"
            #expect(try get("\(metrics)/proxyMode", in: node)?.body == "iptables")
            #expect(try get("\(metrics)/healthz", in: node)?.body == "ok")
            let configuration = try #require(try get("\(metrics)/configz", in: node)?.body)
            #expect(configuration.hasPrefix("{\"fairlead\":{\"mode\":\"iptables\""))
            _ = try JSONSerialization.jsonObject(with: Data(configuration.utf8))
            let page = try #require(try get("\(metrics)/metrics", in: node))
            #expect(page.head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8"))
            for sample in [
                "fairlead_services{ip_family=\"IPv4\"} 1",
                "fairlead_endpoints{ip_family=\"IPv4\"} 2",
                "kubeproxy_sync_proxy_rules_service_changes_total 1",
                "kubeproxy_sync_proxy_rules_endpoint_changes_pending 0",
                "kubeproxy_proxy_healthz_total{code=\"200\"} 1",
            ] {
                #expect(page.body.contains("\(sample)\n"), "\(sample)")
            }
            #expect(
                page.body.firstMatch(
                    of:
                        /kubeproxy_sync_proxy_rules_iptables_total\{table="nat",ip_family="IPv4"\} [1-9]/
                ) != nil
            )
            let open = try #require(
                try get("\(metrics)/metrics", in: node, accept: "application/openmetrics-text")
            )
            #expect(open.body.hasSuffix("# EOF\n"))
            let parsed = try LabCommand.run([
                "/usr/bin/python3", "-c",
                "import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as p; print(len(list(p(sys.argv[1]))))",
                open.body,
            ])
            #expect((Int(parsed.dropLast()) ?? 0) > 30)
            try fixture.stop()
        }

        /// So many Services with an endpoint that depends on `round`.
        private static func crowd(_ count: Int, round: Int) -> String {
            let services = (0..<count).map { number in
                "  - {name: crowd/s\(number), address: 10.97.\(number / 250).\(number % 250 + 1), "
                    + "ports: [{port: 80}], endpoints: [{address: 10.180.0.\(round + 11)}]}"
            }
            return "services:\n" + services.joined(separator: "\n") + "\n"
        }

        @Test("A thousand scrapes and status calls are answered while Services change")
        func scrapesUnderChange() throws {
            let fixture = try DaemonFixture(
                mode: "nftables",
                servers: false,
                extra: "nftables: {counters: true}\n"
            )
            try fixture.write(Self.crowd(500, round: 0))
            try fixture.start()
            try fixture.waitUntilApplied()
            let client = try LabProcess(
                ["/usr/bin/python3", "-c", Self.scraper, "\(fixture.directory)/fairlead.sock"],
                in: fixture.lab.node
            )
            for round in 1...10 {
                try fixture.write(Self.crowd(500, round: round))
                try fixture.waitUntilApplied()
            }
            // A limit for what hangs.
            let (output, code) = try client.finish(Deadline(in: .seconds(480)))
            #expect(code == 0 && output == "1000 answers\n", "\(output)")
            try fixture.stop()
        }

        /// Ten clients, each with a connection that it keeps.
        private static let scraper = """
            import http.client, socket, sys, threading
            class Unix(http.client.HTTPConnection):
                def connect(self):
                    self.sock = socket.socket(socket.AF_UNIX)
                    self.sock.connect(sys.argv[1])
            good = []
            def ask(client, path):
                for _ in range(100):
                    client.request('GET', path)
                    answer = client.getresponse()
                    if answer.read() and answer.status == 200: good.append(1)
            asked = [(lambda: http.client.HTTPConnection('127.0.0.1', 10249), '/metrics')] * 3 \\
                + [(lambda: http.client.HTTPConnection('127.0.0.1', 10256), '/healthz')] * 3 \\
                + [(lambda: Unix('fairlead'), '/status')] * 2 \\
                + [(lambda: Unix('fairlead'), '/status/services/crowd/s7')] * 2
            threads = [threading.Thread(target=ask, args=(make(), path)) for make, path in asked]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            print(len(good), 'answers')
            """

        private func status(_ fixture: DaemonFixture, _ words: String...) throws -> String {
            try LabCommand.result(
                [BuiltProgram.fairlead, "status"] + words + ["-c", fixture.configuration]
            ).output
        }

        @Test("Status shows the daemon on one screen, and one Service with reasons")
        func statusCommands() throws {
            let fixture = try DaemonFixture(mode: "nftables", servers: false)
            let silent = try status(fixture)
            #expect(silent.contains("no daemon answers at \(fixture.directory)/fairlead.sock"))
            try fixture.write(Self.manifest())
            try fixture.start()
            try fixture.waitUntilApplied()
            let screen = try status(fixture)
            #expect(screen.hasPrefix("fairlead "))
            #expect(screen.contains("IPv4       1 Service, 1 port, 2 endpoints"))
            #expect(screen.contains("health     fine"))
            #expect(screen.contains("issues     none"))
            let service = try status(fixture, "service", "shop/web")
            #expect(service.contains("load-balancer address 198.51.100.5:80/tcp, policy Local"))
            #expect(service.contains("ClusterIP 10.96.0.10:80/tcp, policy Cluster"))
            let elsewhere = service.split(separator: "\n").first { $0.contains("10.180.0.12") }
            #expect(
                elsewhere?.contains(
                    "Cluster: chosen, Local: on another node, node node-b"
                ) == true
            )
            #expect(service.contains("@@ change map endpoints @@"))
            #expect(
                try status(fixture, "service", "shop/none").contains(
                    "there is no Service shop/none"
                )
            )
            let json = try status(fixture, "--output", "json")
            let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
            #expect(object?["mode"] as? String == "nftables")
            try fixture.stop()
            #expect(try status(fixture).contains("No such file or directory"))
        }

        @Test("An address that has to be had and is not ends the daemon")
        func fatal() throws {
            let fixture = try DaemonFixture(
                mode: "nftables",
                servers: false,
                extra: "metrics: {address: 203.0.113.1:10249, bindFailure: fatal}\n"
            )
            try fixture.write(Self.manifest())
            try fixture.start()
            let end = try #require(fixture.daemon).finish()
            #expect(end.status == 1)
            #expect(fixture.log.contains("metrics on 203.0.113.1:10249: bind"))
        }
    }
}
