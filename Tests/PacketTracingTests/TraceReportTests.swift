import Addressing
import DataplaneModel
import Foundation
import PacketTracing
import Testing

@Suite struct TraceReportTests {
    private func ruleName(_ rule: Rule, _ family: IPFamily) -> String {
        switch rule.target {
        case .jump(let name): "-j \(name)"
        case .mark: "-j MARK"
        case .masquerade: "-j MASQUERADE"
        case .destinationNAT(let endpoint): "-j DNAT \(endpoint)"
        default: "\(rule.target)"
        }
    }

    private func trace(_ made: HandMadeState, _ source: String) throws -> PacketTrace {
        let tracer = PacketTracer(made.state, network: made.network, ruleText: ruleName)
        let packet = TracedPacket(
            from: address(source),
            via: "eth0",
            to: try #require(PacketDestination("10.96.0.10:80/tcp"))
        )
        return tracer.trace(packet)
    }

    @Test("The answer comes first, then the endpoints, then the rules")
    func text() throws {
        let mark = Rule(
            source: PrefixMatch(prefix("10.244.0.0/16"), inverted: true),
            target: .mark(masqueradeMark)
        )
        let made = HandMadeState.service(
            [mark] + HandMadeState.evenly(["10.180.1.1:80", "10.180.1.20:80"])
        )
        let expected = """
            198.51.100.9 via eth0 → 10.96.0.10:80/tcp reaches 2 endpoints of default/web:http, \
            source masqueraded
              10.180.1.1:80   50% (1/2), source masqueraded
              10.180.1.20:80  50% (1/2), source masqueraded
            nat PREROUTING
              1: -j SERVICES
                   → goes to SERVICES
              SERVICES (all Services)
                1: -j SVC-WEB
                     → goes to SVC-WEB
                SVC-WEB (default/web:http)
                  1: -j MARK
                       → mark bits 0x4000 are set – source 198.51.100.9 is not in 10.244.0.0/16
                  2: -j DNAT 10.180.1.1:80
                       → destination becomes 10.180.1.1:80, 50% (1/2) of new clients
                  3: -j DNAT 10.180.1.20:80
                       → destination becomes 10.180.1.20:80, 50% (1/2) of new clients
            filter FORWARD
              no Fairlead rule applies
            nat POSTROUTING
              1: -j POSTROUTING
                   → goes to POSTROUTING
              POSTROUTING
                2: -j MARK
                     → mark bits 0x4000 are flipped
                3: -j MASQUERADE
                     → source becomes an address of this node
            note: rules of other programs, and chain policies, are not considered

            """
        #expect(TraceReport(try trace(made, "198.51.100.9")).description == expected)
    }

    @Test("The first line names every kind of result")
    func firstLines() throws {
        func line(_ rules: [Rule]) throws -> Substring {
            var made = HandMadeState()
            made.builtin(.filter, .forward, rules)
            let report = TraceReport(try trace(made, "198.51.100.9")).description
            return try #require(report.split(separator: "\n").first)
        }
        let packet = "198.51.100.9 via eth0 → 10.96.0.10:80/tcp"
        let comment = Match.comment("default/web:http has no endpoints")
        #expect(
            try line([Rule(matches: [comment], target: .reject)])
                == "\(packet) is REJECTED: default/web:http has no endpoints"
        )
        #expect(
            try line([Rule(target: .drop)]) == "\(packet) is DROPPED: filter FORWARD rule 1"
        )
        #expect(
            try line([])
                == "\(packet) is NOT TRANSLATED: it goes on to 10.96.0.10:80/tcp, source kept"
        )
        #expect(
            try line([Rule(target: .to("GONE"))])
                == "\(packet) is UNDECIDED: filter FORWARD rule 1: there is no chain GONE"
        )
        let half = Match.random(Probability(1, outOf: 2))
        #expect(
            try line([Rule(matches: [half], target: .drop)]) == "\(packet) ends in different ways"
        )
    }

    @Test("Long lists are cut unless asked for")
    func longLists() throws {
        let endpoints = (1...100).map { "10.180.1.\($0):80" }
        let trace = try trace(.service(HandMadeState.evenly(endpoints)), "10.244.1.7")
        let short = TraceReport(trace).description
        #expect(short.contains("\n  … and 80 more\n"))
        #expect(short.contains("      … 90 more of this kind\n"))
        #expect(short.split(separator: "\n").count < 70)
        let long = TraceReport(trace, isComplete: true).description
        #expect(!long.contains("…"))
        #expect(long.split(separator: "\n").count > 300)
    }

    @Test("Affinity is shown beside the shares")
    func affinity() throws {
        let trace = try trace(AffinityTests.service(["10.180.1.1:80"]), "10.244.1.7")
        let report = TraceReport(trace).description
        #expect(report.contains("sticky: a client seen within 10800 s keeps its endpoint"))
        #expect(report.contains("returning clients only – if the client was seen within 10800 s"))
    }

    @Test("The document has stable field names")
    func document() throws {
        let trace = try trace(AffinityTests.service(["10.180.1.1:80"]), "10.244.1.7")
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let data = try encoder.encode(TraceDocument(trace))
        let json = try #require(String(bytes: data, encoding: .utf8))
        let parts = [
            #"{"affinity":{"kind":"ClientIP","returning":[{"endpoint":"10.180.1.1:80","#
                + #""masqueraded":false,"verdict":"delivered"}],"timeoutSeconds":10800},"#
                + #""answer":"endpoints","#,
            #""outcomes":[{"endpoint":"10.180.1.1:80","masqueraded":false,"probability":1,"#
                + #""verdict":"delivered"}]"#,
            #""packet":{"destination":"10.96.0.10:80/tcp","family":"IPv4","#
                + #""inputInterface":"eth0","source":"10.244.1.7"}"#,
            #""path":[{"name":"nat PREROUTING","steps":[{"chain":"PREROUTING","depth":0,"#
                + #""destinations":[],"effect":"goes to SERVICES","matched":true,"reasons":[],"#
                + #""returningClientsOnly":false,"rule":"-j SERVICES","ruleIndex":1}"#,
            #""problems":[]"#, #""title":"default/web:http""#,
        ]
        for part in parts { #expect(json.contains(part), "\(part) in \(json)") }
    }

    @Test(
        "What a packet is sent to parses and prints",
        arguments: [
            "10.0.0.1:80/tcp", "[fd00::1]:53/udp", "10.0.0.1:65535/sctp", "10.0.0.1/icmp",
            "fd00::1/icmp",
        ]
    )
    func destinations(text: String) {
        #expect(PacketDestination(text)?.description == text)
    }

    @Test(
        "Invalid destinations are rejected",
        arguments: [
            "", "10.0.0.1", "10.0.0.1:80", "10.0.0.1:0/tcp", "10.0.0.1:70000/tcp", "10.0.0.1/tcp",
            "fd00::1:80/tcp", "[10.0.0.1]:80/tcp", "10.0.0.1:80/icmp", "10.0.0.1:+1/tcp", "/icmp",
            "10.0.0.1:80/quic", "[/icmp", ":80/tcp",
        ]
    )
    func wrongDestinations(text: String) {
        #expect(PacketDestination(text) == nil)
    }
}
