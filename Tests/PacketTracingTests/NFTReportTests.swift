import Addressing
import DataplaneModel
import PacketTracing
import Testing

@Suite struct NFTReportTests {
    @Test("The report shows every rule that matched, with set results and titles")
    func report() throws {
        let trace = try NFTServiceTests.web.made.trace("192.0.2.1", to: "192.0.2.1:30080/tcp")
        let expected = """
            192.0.2.1 → 192.0.2.1:30080/tcp reaches 2 endpoints of default/web:http, source masqueraded
              10.244.1.20:8080  50% (1/2), source masqueraded
              10.244.2.20:8080  50% (1/2), source masqueraded
            guard-output (filter output, priority -110)
              1: ct state new jump guard
                   → goes to guard
            nat-output (nat output, priority -100)
              1: jump services
                   → goes to services
              services (every Service address, then node ports)
                4: fib daddr type local ip daddr != 127.0.0.0/8 jump node-ports
                     → goes to node-ports – 192.0.2.1 is an address of this node; 192.0.2.1 is not in 127.0.0.0/8
                node-ports
                  1: meta priority set meta l4proto . th dport map @external-ports goto external
                       → priority becomes 0:4002; goes to external without return – port 30080/tcp is in external-ports (node ports)
                  external
                    1: meta mark set meta mark | 0x00004000
                         → mark bits 0x4000 are set
                    2: goto balance
                         → goes to balance without return
                    balance
                      1: meta priority & 0:3fff vmap @balancers
                           → goes to random-2 without return – priority 0:2 is in balancers (by kind and number of slots)
                      random-2
                        1: meta priority set meta priority & ffff:c000
                             → priority becomes 0:4000
                        2: meta l4proto { tcp, udp, sctp } dnat ip to meta priority . numgen random mod 2 map @endpoints
                             → destination becomes 10.244.1.20:8080 or 10.244.2.20:8080 – one of 2 slots at random
            filter-output (filter output, priority 0)
              1: ct state new jump refuse
                   → goes to refuse
            nat-postrouting (nat postrouting, priority 100)
              1: ct status dnat meta priority set none
                   → priority becomes none – the destination was translated
              3: meta mark & 0x00004000 == 0x00004000 meta mark set meta mark & 0xffffbfff masquerade fully-random
                   → mark bits 0x4000 are cleared; source becomes an address of this node – the mark is 0x4000
            note: rules of other programs are not considered

            """
        #expect(TraceReport(trace).description == expected)
    }

    @Test("Long lists of endpoints are cut in a step; an endpoint that reaches itself has its step")
    func endpoints() throws {
        var layout = NFTLayout()
        let endpoints = (20..<25).map { "10.244.1.\($0):8080" }
        layout.clusterIP("10.96.0.10:80", layout.list(1, endpoints))
        let trace = try layout.made.trace("10.244.1.20", to: "10.96.0.10:80/tcp")
        let steps = trace.path.flatMap(\.steps)
        let effect =
            "destination becomes one of 5: 10.244.1.20:8080, 10.244.1.21:8080, 10.244.1.22:8080, …"
        #expect(steps.contains { $0.effect == effect && $0.share == nil })
        let hairpin = try #require(
            steps.first { $0.rule.hasSuffix("an endpoint that reaches itself") }
        )
        #expect(hairpin.destinations == ["10.244.1.20:8080"])
        #expect(hairpin.share == 0.2)
        #expect(
            hairpin.reasons
                == ["the destination was translated", "10.244.1.20 to 10.244.1.20 is in hairpin"]
        )
    }

    @Test("The title is of the value that the packet is translated by, else of a Service's chain")
    func titles() throws {
        var layout = NFTServiceTests.web
        func title() throws -> String? {
            try layout.made.trace("10.244.1.7", to: "10.96.0.10:80/tcp").title
        }
        #expect(try title() == "default/web:http")
        layout.made.titles = [:]
        #expect(try title() == nil)
        layout.made.state.chains[NFTChainName("random-2")]?.title = "one of two"
        #expect(try title() == nil)
        layout.made.state.chains[NFTChainName("random-2")]?.title = "default/other:http"
        #expect(try title() == "default/other:http")
    }

    @Test("Why a packet is rejected or dropped: titles of rules, and what sets said on the way")
    func reasons() throws {
        var layout = NFTServiceTests.web
        layout.made.put(.frontend("10.96.0.11:80"), into: "rejected")
        layout.allow("198.51.100.6:80", from: "192.0.2.0/24")
        func line(_ destination: String) throws -> String {
            let trace = try layout.made.trace("203.0.113.9", via: "eth0", to: destination)
            return TraceSummary(trace).line
        }
        let packet = "203.0.113.9 via eth0 → "
        for (destination, answer) in [
            (
                "10.96.0.11:80/tcp",
                "is REJECTED: 10.96.0.11:80/tcp is in rejected (without any endpoint)"
            ),
            ("10.96.0.10:81/tcp", "is REJECTED: 10.96.0.10 is in cluster-addresses (ClusterIPs)"),
            ("10.96.0.99/icmp", "is DROPPED: no Service has this address"),
            (
                "198.51.100.6:80/tcp",
                "is DROPPED: 198.51.100.6:80/tcp is in guarded (only for some sources)"
            ),
        ] {
            #expect(try line(destination) == "\(packet)\(destination) \(answer)")
        }
        layout.made.base("last", .filter, .forward, 10, NFTRule(.drop))
        #expect(
            try line("203.0.113.10:80/tcp")
                == "\(packet)203.0.113.10:80/tcp is DROPPED: last rule 1"
        )
        layout.made.state.chains[NFTChainName("last")]?.title = "the last"
        #expect(try line("203.0.113.10:80/tcp").hasSuffix("is DROPPED: last rule 1 (the last)"))
        layout.made.base(
            "last",
            .filter,
            .forward,
            10,
            NFTRule(.isNotIn("cluster-addresses", .address(.destination)), .drop, title: "too far")
        )
        #expect(
            try line("203.0.113.10:80/tcp").hasSuffix(
                "is DROPPED: too far: 203.0.113.10 is not in cluster-addresses (ClusterIPs)"
            )
        )
    }

    @Test("Steps of returning clients are shown separately, including those for stale elements")
    func returning() throws {
        var layout = NFTLayout()
        let endpoints = ["10.180.1.1:80", "10.180.1.2:80"]
        layout.clusterIP("10.96.0.10:80", layout.sticky(5, title: "default/web:http", endpoints))
        let trace = try layout.made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        let report = TraceReport(trace).description
        for part in [
            "sticky: a client seen within 10800 s keeps its endpoint",
            "priority becomes 1:4001 or 1:4002; goes to known-5, returning clients only"
                + " – 10.244.1.7 is in clients-5",
            "remembers the client in clients-5 for 10800 s, returning clients only",
            "destination becomes 10.180.1.1:80 or 10.180.1.2:80, returning clients only"
                + " – priority 1:4001 or priority 1:4002 is in numbers",
            "delete @clients-5 { ip saddr : meta priority }  # its endpoint is gone",
            "forgets the client in clients-5, returning clients only"
                + " – if the endpoint of the client is gone",
            "priority becomes 1:4001 or 1:4002 – one of 2 slots at random",
        ] {
            #expect(report.contains(part), "\(part)\n\(report)")
        }
    }
}
