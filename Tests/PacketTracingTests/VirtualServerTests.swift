import Addressing
import DataplaneModel
import TestSupport
import Testing

@testable import PacketTracing

@Suite struct VirtualServerTests {
    private static let list = "10.244.1.7 -> 10.96.0.10:80/tcp = "

    private func made(
        scheduler: String,
        persistence: UInt32? = nil,
        _ realServers: RealServer...
    ) -> HandMadeIPVS {
        var made = HandMadeIPVS()
        made.server(
            "10.96.0.10:80",
            scheduler: scheduler,
            persistence: persistence,
            title: "default/web:http",
            realServers
        )
        return made
    }

    @Test("A frontend's server takes its address, port and protocol only")
    func frontends() throws {
        var made = made(scheduler: "rr", .real("10.180.1.1:8080"), .real("10.180.2.1:8080"))
        made.server("10.96.0.10:53", over: .udp, [.real("10.180.1.2:5353")])
        let flows = """
            10.244.1.7 -> 10.96.0.10:80/tcp  = 10.180.1.1:8080, 10.180.2.1:8080
            10.244.1.7 -> 10.96.0.10:53/udp  = 10.180.1.2:5353
            192.0.2.1  -> 10.96.0.10:53/udp  = 10.180.1.2:5353
            10.244.1.7 -> 10.96.0.10:53/tcp  = UNTOUCHED
            10.244.1.7 -> 10.96.0.10:80/sctp = UNTOUCHED
            10.244.1.7 -> 10.96.0.10/icmp    = UNTOUCHED
            10.244.1.7 -> 10.96.0.11:80/tcp  = UNTOUCHED
            """
        #expect(try made.mismatches(flows) == [])
        let trace = try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        #expect(trace.title == "default/web:http")
        let other = try made.trace("10.244.1.7", to: "10.96.0.10:81/tcp")
        #expect(other.title == nil)
        #expect(
            other.steps("IPVS INPUT").map(\.rule) == ["no virtual server for 10.96.0.10:81/tcp"]
        )
        let ping = try made.trace("10.244.1.7", to: "10.96.0.10/icmp")
        #expect(ping.steps("IPVS INPUT").map(\.reasons) == [["IPVS does not balance pings"]])
    }

    @Test("IPv6 as well")
    func ipv6() throws {
        var made = HandMadeIPVS()
        made.server("[fd00:96::10]:80", [.real("[fd00:1::1]:80"), .real("[fd00:1::2]:80")])
        made.rules.builtin(
            .postrouting,
            [Rule(matches: [.ipvs(), .bpf(HairpinTests.ipv6)], target: .masquerade)]
        )
        let flows = """
            fd00:1::1   -> [fd00:96::10]:80/tcp = [fd00:1::1]:80 masq, [fd00:1::2]:80
            2001:db8::1 -> [fd00:96::10]:80/tcp = [fd00:1::1]:80, [fd00:1::2]:80
            """
        #expect(try made.mismatches(flows) == [])
    }

    @Test("A server by mark wins over one by frontend, but only with the packet's whole mark")
    func marks() throws {
        var made = made(scheduler: "rr", .real("10.180.1.1:80"))
        made.server(.mark(0x10001, .ipv4), title: "by mark", [.real("10.180.2.1:8080")])
        made.server(.mark(0x10002, .ipv6), [.real("[fd00:1::1]:80")])
        func trace(_ value: UInt32, to port: Int = 80) throws -> PacketTrace {
            var made = made
            let mark = Rule(target: .mark(PacketMark(value: value, mask: .max)))
            made.rules.builtin(.mangle, .prerouting, [mark])
            return try made.trace("10.244.1.7", to: "10.96.0.10:\(port)/tcp")
        }
        func result(_ endpoint: String) -> FlowResult { FlowResult(.delivered(socket(endpoint))) }
        let marked = try trace(0x10001)
        #expect(marked.result == result("10.180.2.1:8080"))
        #expect(marked.title == "by mark")
        let choice = try #require(marked.steps("IPVS INPUT").first)
        #expect(choice.rule == "virtual server mark 0x10001, wrr")
        #expect(choice.reasons == ["the mark wins over 10.96.0.10:80/tcp"])
        // Whatever the port.
        #expect(try trace(0x10001, to: 81).result == result("10.180.2.1:8080"))
        let extraBit = try trace(0x14001)
        #expect(extraBit.result == result("10.180.1.1:80"))
        #expect(
            extraBit.steps("IPVS INPUT").first?.reasons == [
                "no virtual server has the mark 0x14001"
            ]
        )
        #expect(try trace(0x10002).result == result("10.180.1.1:80"))
        #expect(try trace(0).result == result("10.180.1.1:80"))
        var ping = made
        let mark = Rule(target: .mark(PacketMark(value: 0x10001, mask: .max)))
        ping.rules.builtin(.mangle, .prerouting, [mark])
        #expect(try ping.mismatches("10.244.1.7 -> 10.96.0.10/icmp = UNTOUCHED") == [])
    }

    @Test(
        "Without a real server that accepts connections the client is rejected",
        arguments: ["rr", "wrr", "sh", "mh", "dh", "lblc", "fo", "new"],
        [[], [RealServer.real("10.180.1.1:80", weight: 0)]]
    )
    func noRealServers(scheduler: String, realServers: [RealServer]) throws {
        var made = made(scheduler: scheduler)
        made.server("10.96.0.10:80", title: "default/web:http", realServers)
        let flows = """
            10.244.1.7 -> 10.96.0.10:80/tcp = REJECT
            192.0.2.1  -> 10.96.0.10:80/tcp = REJECT
            """
        #expect(try made.mismatches(flows) == [])
        let trace = try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        #expect(
            trace.reason == "IPVS 10.96.0.10:80/tcp has no real server that accepts connections"
        )
        #expect(trace.title == "default/web:http")
    }

    @Test(
        "Schedulers that regard weights",
        arguments: ["wrr", "wlc", "sed", "nq", "lblc", "lblcr"]
    )
    func weighted(scheduler: String) throws {
        let made = made(
            scheduler: scheduler,
            .real("10.180.1.1:80", weight: 1),
            .real("10.180.1.2:80", weight: 3),
            .real("10.180.1.3:80", weight: 0)
        )
        #expect(try made.mismatches(Self.list + "10.180.1.1:80 1/4, 10.180.1.2:80 3/4") == [])
    }

    @Test("Schedulers that do not, but for weight 0", arguments: ["rr", "lc"])
    func unweighted(scheduler: String) throws {
        let made = made(
            scheduler: scheduler,
            .real("10.180.1.1:80", weight: 1),
            .real("10.180.1.2:80", weight: 3),
            .real("10.180.1.3:80", weight: 0)
        )
        #expect(try made.mismatches(Self.list + "10.180.1.1:80, 10.180.1.2:80") == [])
        let trace = try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp", .everything)
        let unused = trace.steps("IPVS INPUT").filter { !$0.matched }
        #expect(unused.map(\.rule) == ["real server 10.180.1.3:80, weight 0"])
        #expect(unused.map(\.reasons) == [["its weight is 0"]])
    }

    @Test("Hashing schedulers use weights, and note that a client keeps its real server")
    func hashing() throws {
        for scheduler in ["sh", "mh"] {
            var made = made(
                scheduler: scheduler,
                .real("10.180.1.1:80", weight: 1),
                .real("10.180.1.2:80", weight: 3)
            )
            #expect(try made.mismatches(Self.list + "10.180.1.1:80 1/4, 10.180.1.2:80 3/4") == [])
            func hasNote(_ text: String) throws -> Bool {
                try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp").notes
                    .contains { $0.hasPrefix("\(scheduler) gives one \(text) always to the same") }
            }
            #expect(try hasNote("client address"))
            made.servers[.frontend(socket("10.96.0.10:80"), .tcp)]?.hashesSourcePort = true
            #expect(try hasNote("client address and port"))
        }
    }

    @Test("sh refuses the clients it hashes to a real server of weight 0")
    func sourceHashWithoutWeight() throws {
        let made = made(
            scheduler: "sh",
            .real("10.180.1.1:80", weight: 3),
            .real("10.180.1.2:80", weight: 0)
        )
        let trace = try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        #expect(
            trace.outcomes == [
                FlowOutcome(
                    result: FlowResult(.delivered(socket("10.180.1.1:80"))),
                    probability: 0.75
                ),
                FlowOutcome(result: FlowResult(.rejected), probability: 0.25),
            ]
        )
        #expect(
            trace.reason == "IPVS 10.96.0.10:80/tcp chose 10.180.1.2:80, whose weight is 0"
        )
    }

    @Test("mh leaves out weight 0, but may refuse who was there before")
    func maglevDraining() throws {
        let made = made(scheduler: "mh", .real("10.180.1.1:80"), .real("10.180.1.2:80", weight: 0))
        #expect(try made.mismatches(Self.list + "10.180.1.1:80") == [])
        let trace = try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        #expect(
            trace.notes.contains("mh refuses the clients of a real server whose weight became 0")
        )
    }

    @Test("dh sends all connections of one destination to a single real server")
    func destinationHash() throws {
        let made = made(scheduler: "dh", .real("10.180.1.1:80"), .real("10.180.1.2:80", weight: 7))
        #expect(try made.mismatches(Self.list + "10.180.1.1:80, 10.180.1.2:80") == [])
        let trace = try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        #expect(trace.notes.contains { $0.hasPrefix("dh gives all connections to 10.96.0.10:80") })
    }

    @Test("Fail-over and overflow take the highest weight first", arguments: ["fo", "ovf"])
    func highestWeight(scheduler: String) throws {
        let made = made(
            scheduler: scheduler,
            .real("10.180.1.1:80", weight: 1),
            .real("10.180.1.2:80", weight: 3)
        )
        #expect(try made.mismatches(Self.list + "10.180.1.2:80") == [])
        let equals = self.made(
            scheduler: scheduler,
            .real("10.180.1.1:80", weight: 3),
            .real("10.180.1.2:80", weight: 3),
            .real("10.180.1.3:80", weight: 2)
        )
        #expect(try equals.mismatches(Self.list + "10.180.1.1:80, 10.180.1.2:80") == [])
        let notes = try equals.trace("10.244.1.7", to: "10.96.0.10:80/tcp").notes
        let note = try #require(notes.first { $0.hasPrefix("\(scheduler) gives all connections") })
        #expect(note.contains("added last"))
        #expect(note.contains("until it has more active") == (scheduler == "ovf"))
    }

    @Test("An unknown scheduler is treated as weighted, with a note")
    func unknownScheduler() throws {
        let made = made(scheduler: "new", .real("10.180.1.1:80"), .real("10.180.1.2:80", weight: 3))
        #expect(try made.mismatches(Self.list + "10.180.1.1:80 1/4, 10.180.1.2:80 3/4") == [])
        let trace = try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        #expect(trace.notes.contains { $0.hasPrefix("unknown scheduler new") })
    }

    @Test("With persistence a client comes back to its real server, whatever the scheduler thinks")
    func persistence() throws {
        let made = made(
            scheduler: "wrr",
            persistence: 10800,
            .real("10.180.1.1:80", weight: 1),
            .real("10.180.1.2:80", weight: 3),
            .real("10.180.1.3:80", weight: 0)
        )
        let flows = Self.list + "10.180.1.1:80 1/4, 10.180.1.2:80 3/4; sticky"
        #expect(try made.mismatches(flows) == [])
        let trace = try made.trace("10.244.1.7", to: "10.96.0.10:80/tcp")
        #expect(
            trace.steps("IPVS INPUT").first?.rule
                == "virtual server 10.96.0.10:80/tcp, wrr, keeps clients for 10800 s"
        )
        let failOver = self.made(
            scheduler: "fo",
            persistence: 60,
            .real("10.180.1.1:80", weight: 1),
            .real("10.180.1.2:80", weight: 3)
        )
        let affinity = try failOver.trace("10.244.1.7", to: "10.96.0.10:80/tcp").affinity
        let both = ["10.180.1.1:80", "10.180.1.2:80"].map { FlowResult(.delivered(socket($0))) }
        #expect(affinity == FlowAffinity(timeoutSeconds: 60, returning: both))
    }

    @Test("Returning clients are masqueraded as new ones are")
    func persistenceAndMasquerading() throws {
        var made = made(
            scheduler: "rr",
            persistence: 60,
            .real("10.180.1.1:80"),
            .real("10.180.1.2:80")
        )
        made.rules.builtin(
            .postrouting,
            [Rule(matches: [.ipvs(), .bpf(HairpinTests.ipv4)], target: .masquerade)]
        )
        let flow = "10.180.1.1 -> 10.96.0.10:80/tcp = 10.180.1.1:80 masq, 10.180.1.2:80; sticky"
        #expect(try made.mismatches(flow) == [])
    }

    @Test("A server of 1 000 real servers with affinity is traced quickly")
    func large() throws {
        var made = HandMadeIPVS()
        let realServers = (0..<1000).map {
            RealServer.real("10.180.\($0 / 250).\($0 % 250 + 1):8080")
        }
        made.server("10.96.0.10:80", persistence: 10800, realServers)
        made.rules.builtin(
            .postrouting,
            [Rule(matches: [.ipvs(), .bpf(HairpinTests.ipv4)], target: .masquerade)]
        )
        let clock = ContinuousClock()
        let start = clock.now
        let trace = try made.trace("10.180.0.1", to: "10.96.0.10:80/tcp")
        // A bound against work that grows with the square, not a benchmark.
        #expect(clock.now - start < .seconds(20))
        #expect(trace.outcomes.count == 1000)
        #expect(trace.outcomes.filter(\.result.masqueraded).count == 1)
        #expect(trace.affinity?.returning.count == 1000)
        #expect(trace.problems.isEmpty)
    }
}
