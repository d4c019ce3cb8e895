import Addressing
import DataplaneModel
import IPVS
import Testing

@testable import Netlink

@Suite("VirtualServerStore", .enabled(if: isUML))
@KernelThread
struct VirtualServerUMLTests {
    @Test(
        "What is applied is observed, for every protocol and forwarding method",
        arguments: IPFamily.allCases
    )
    func roundTrip(_ family: IPFamily) throws {
        let fixture = try IPVSFixture(family)
        var servers = TransportProtocol.allCases.map {
            fixture.server(fixture.frontend(1, $0), [1, 2])
        }
        servers.append(fixture.server(.mark(0x1_0000, family), [3]))
        servers.append(fixture.server(.mark(0xfffe_0000, family), []))
        var methods = fixture.server(fixture.frontend(2))
        for (number, method) in ForwardingMethod.allCases.enumerated() {
            let weight = UInt32([1, 0, 7, 65535][number])
            let server = RealServer(fixture.endpoint(number), forwarding: method, weight: weight)
            methods.realServers[server.key] = server
        }
        servers.append(methods)
        try fixture.apply(servers)
        try fixture.expect(servers)
        for number in servers.indices {
            servers[number].persistenceSeconds = 10800
            for key in servers[number].realServers.keys {
                servers[number].realServers[key]?.weight += 1
            }
        }
        try fixture.apply(servers)
        try fixture.expect(servers)
    }

    @Test(
        "Every scheduler can be chosen, and changed into every other",
        arguments: IPFamily.allCases
    )
    func schedulers(_ family: IPFamily) throws {
        let fixture = try IPVSFixture(family)
        let names = [
            "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh",
        ]
        var servers = names.enumerated().map { number, name in
            fixture.server(fixture.frontend(number), [1, 2], scheduler: name)
        }
        for number in servers.indices where ["sh", "mh"].contains(names[number]) {
            servers[number].hashesSourcePort = true
        }
        try fixture.apply(servers)
        try fixture.expect(servers)
        for (number, name) in names.reversed().enumerated() {
            servers[number].scheduler = SchedulerName(name)
            servers[number].hashesSourcePort = ["sh", "mh"].contains(name)
        }
        try fixture.apply(servers)
        try fixture.expect(servers)
    }

    @Test("A real server at one of this host's addresses is observed as it was made")
    func localRealServer() throws {
        let fixture = try IPVSFixture(.ipv4)
        try Program.check(["ip", "link", "add", "fairlead0", "type", "dummy"])
        try Program.check(["ip", "address", "add", "10.128.0.2/32", "dev", "fairlead0"])
        let server = fixture.server(fixture.frontend(1), [1, 2])
        try fixture.apply([server])
        try fixture.expect([server])
    }

    @Test("ipvsadm lists our virtual servers like others", arguments: IPFamily.allCases)
    func listing(_ family: IPFamily) throws {
        let fixture = try IPVSFixture(family)
        var server = fixture.server(fixture.frontend(1), [1], scheduler: "mh")
        server.persistenceSeconds = 60
        server.hashesSourcePort = true
        try fixture.apply([server])
        let (vip, real) =
            family == .ipv4 ? ("10.96.0.2", "10.128.0.2") : ("[fd00:96::1]", "[fd00:128::1]")
        #expect(
            try fixture.ipvsadm("-Sn") == """
                -A -t \(vip):80 -s mh -p 60 -b mh-fallback,mh-port
                -a -t \(vip):80 -r \(real):8080 -m -w 1

                """
        )
    }

    @Test("Applying what is there sends nothing but questions")
    func noOperation() throws {
        let fixture = try IPVSFixture(.ipv4)
        let servers = (0..<5).map { fixture.server(fixture.frontend($0), [1, 2, 3]) }
        try fixture.apply(servers)
        let before = fixture.traffic.messages
        #expect(try fixture.apply(servers).operations == 0)
        #expect(fixture.traffic.messages - before == 6)
    }

    @Test("One endpoint's change is one message")
    func oneMessage() throws {
        let fixture = try IPVSFixture(.ipv4)
        let key = fixture.frontend(1)
        try fixture.apply([fixture.server(key, [1, 2, 3])])
        let store = fixture.store
        func expectOneMessage(
            _ change: VirtualServerChange,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let before = fixture.traffic.messages
            let made = try store.make([change])
            let removed = try store.remove([change])
            #expect(made.operations + removed.operations == 1, sourceLocation: sourceLocation)
            #expect(fixture.traffic.messages - before == 1, sourceLocation: sourceLocation)
        }
        let new = RealServer(fixture.endpoint(4))
        var heavy = new
        heavy.weight = 9
        try expectOneMessage(.addRealServer(key, new))
        try expectOneMessage(.editRealServer(key, from: new, to: heavy))
        try expectOneMessage(.removeRealServer(key, heavy))
        try expectOneMessage(.addRealServer(key, new))
        try fixture.expect([fixture.server(key, [1, 2, 3, 4])])
    }

    @Test("2000 virtual servers with 3 real servers each go in a few sends")
    func many() throws {
        let fixture = try IPVSFixture(.ipv4)
        let servers = (0..<2000).map { number in
            fixture.server(fixture.frontend(number), [number % 100, 100 + number % 7, 300])
        }
        let report = try fixture.apply(servers)
        #expect(report.operations == 8000)
        #expect(try fixture.store.virtualServerCount() == 2000)
        try fixture.expect(servers)
        // One question about IPVS, two for all virtual servers, one for the real servers of each.
        #expect(fixture.traffic.messages == 1 + 2 + 8000 + 2000)
        #expect(fixture.traffic.sends < 1 + 2 + 20 + 2000)
    }

    @Test("Servers that go without waiting are gone at once")
    func deletion() throws {
        let fixture = try IPVSFixture(.ipv4, drainTimeout: .zero)
        let servers = (0..<3).map { fixture.server(fixture.frontend($0), [1, 2]) }
        try fixture.apply(servers)
        try fixture.apply([fixture.server(fixture.frontend(0), [2])])
        try fixture.expect([fixture.server(fixture.frontend(0), [2])])
        #expect(
            try fixture.ipvsadm("-Sn")
                == "-A -t 10.96.0.1:80 -s rr\n-a -t 10.96.0.1:80 -r 10.128.0.3:8080 -m -w 1\n"
        )
        // Once more: what is gone already is no failure.
        #expect(try fixture.store.remove(servers.map { .delete($0) }).failures == [])
    }

    @Test("Counters of all our virtual servers are read")
    func statistics() throws {
        let fixture = try IPVSFixture(.ipv4)
        try fixture.ipvsadm("-A -t 10.0.0.1:80 -s rr")
        let server = fixture.server(fixture.frontend(1), [1, 2])
        try fixture.apply([server])
        let none = ConnectionCounts(active: 0, inactive: 0)
        let expected = VirtualServerStatistics(
            traffic: TrafficCounters(),
            realServers: [fixture.endpoint(1): none, fixture.endpoint(2): none]
        )
        #expect(try fixture.store.statistics() == [server.key: expected])
    }
}
