import Addressing
import DataplaneModel
import Glibc
import IPVS
import Testing

@testable import Netlink

/// A frontend and two endpoints on this host.
@KernelThread
private struct DrainFixture {
    let base: IPVSFixture
    let key: VirtualServer.Key
    let vip: SocketAddress

    init(drainTimeout: Duration = .seconds(600)) throws {
        base = try IPVSFixture(.ipv4, drainTimeout: drainTimeout)
        key = base.frontend(1)
        vip = address("10.96.0.2", 80)
        try Program.check(["ip", "link", "add", "vips", "up", "type", "dummy"])
        for text in ["10.96.0.2", "10.128.0.2", "10.128.0.3"] {
            try Program.check(["ip", "address", "add", "\(text)/32", "dev", "vips"])
        }
    }

    var store: VirtualServerStore { base.store }

    /// Another daemon's store, which knows nothing but what the kernel does.
    func newStore() -> VirtualServerStore {
        VirtualServerStore(family: .ipv4, drainTimeout: .seconds(600))
    }

    func server(_ endpoints: [Int]) -> VirtualServer { base.server(key, endpoints) }

    /// Finishes drains again and again until one has finished, for at most so many seconds.
    func waitForDrain(_ store: VirtualServerStore, seconds: Int) throws -> DrainReport {
        for _ in 0..<(10 * seconds) {
            let report = try store.finishDrains()
            if report.finished > 0 { return report }
            usleep(100_000)
        }
        return try store.finishDrains()
    }
}

@Suite("Graceful termination", .enabled(if: isUML))
@KernelThread
struct DrainUMLTests {
    @Test("A removed real server keeps its connections, takes no new ones and goes with the last")
    func connections() throws {
        let fixture = try DrainFixture()
        let (old, new) = (fixture.base.endpoint(1), fixture.base.endpoint(2))
        let oldListener = try TCPListener(at: old)
        let newListener = try TCPListener(at: new)
        try fixture.base.apply([fixture.server([1])])
        try drain(fixture, oldListener, newListener)
        // The connections were reset, which IPVS remembers for ten seconds.
        let restarted = fixture.newStore()
        #expect(Array(try restarted.observe().keys) == [fixture.key])
        let report = try fixture.waitForDrain(restarted, seconds: 120)
        #expect(report.finished == 1)
        #expect(report.draining == 0)
        try fixture.base.expect([fixture.server([2])])
        let counts = try restarted.statistics()[fixture.key]?.realServers ?? [:]
        #expect(Array(counts.keys) == [new])
    }

    /// Opens a connection, removes its real server, and closes it after a look at what goes where.
    private func drain(
        _ fixture: DrainFixture,
        _ oldListener: borrowing TCPListener,
        _ newListener: borrowing TCPListener
    ) throws {
        let old = fixture.base.endpoint(1)
        let client = try TCPConnection(to: fixture.vip)
        let accepted = try oldListener.accept()
        try fixture.base.apply([fixture.server([2])])
        try fixture.base.expect([fixture.server([2])])
        for store in [fixture.store, fixture.newStore()] {
            _ = try store.observe()
            let report = try store.finishDrains()
            #expect(report.draining == 1)
            #expect(report.finished == 0)
            #expect(report.addresses.isEmpty)
            let counts = try store.statistics()[fixture.key]?.realServers[old]
            #expect(counts == ConnectionCounts(active: 1, inactive: 0))
        }
        expectToBeConnected(client, accepted)
        expectToBeConnected(accepted, client)
        let second = try TCPConnection(to: fixture.vip)
        let other = try newListener.accept()
        expectToBeConnected(second, other)
        // The kernel sums its counters up every two seconds.
        var traffic = TrafficCounters()
        for _ in 0..<600 where traffic.connections < 2 {
            usleep(100_000)
            traffic = try fixture.store.statistics()[fixture.key]?.traffic ?? traffic
        }
        #expect(traffic.connections == 2)
        #expect(traffic.incomingPackets >= 4)
        #expect(traffic.outgoingPackets >= 4)
        #expect(traffic.incomingBytes > 40 * traffic.incomingPackets)
        #expect(traffic.outgoingBytes > 40 * traffic.outgoingPackets)
    }

    @Test("After the drain timeout a real server goes with the connections it has")
    func deadline() throws {
        let fixture = try DrainFixture(drainTimeout: .seconds(2))
        let listener = try TCPListener(at: fixture.base.endpoint(1))
        try fixture.base.apply([fixture.server([1])])
        let client = try TCPConnection(to: fixture.vip)
        let accepted = try listener.accept()
        try fixture.base.apply([fixture.server([2])])
        let began = ContinuousClock.now
        #expect(try fixture.store.finishDrains().draining == 1)
        #expect(try fixture.waitForDrain(fixture.store, seconds: 120).finished == 1)
        #expect(ContinuousClock.now - began > .seconds(1))
        try fixture.base.expect([fixture.server([2])])
        _ = (client.send(1), accepted.send(1))
    }

    @Test("What drains goes with its connections once it is not waited for any more")
    func impatience() throws {
        let fixture = try DrainFixture()
        let first = try TCPListener(at: fixture.base.endpoint(1))
        try fixture.base.apply([fixture.server([1])])
        let client = try TCPConnection(to: fixture.vip)
        let accepted = try first.accept()
        expectToBeConnected(client, accepted)
        // A scheduler that would refuse clients because of it.
        try fixture.base.apply([fixture.server([2])])
        #expect(try fixture.store.finishDrains().finished == 0)
        var hashing = fixture.server([2])
        hashing.scheduler = SchedulerName("dh")
        try fixture.base.apply([hashing])
        #expect(try fixture.store.finishDrains().finished == 1)
        // A drain timeout of zero.
        try fixture.base.apply([fixture.server([1])])
        let second = try TCPConnection(to: fixture.vip)
        let other = try first.accept()
        expectToBeConnected(second, other)
        try fixture.base.apply([])
        #expect(try fixture.store.finishDrains().draining == 1)
        let neverDraining = VirtualServerStore(family: .ipv4, drainTimeout: .zero)
        #expect(try neverDraining.observe() == [:])
        #expect(try neverDraining.finishDrains().finished == 1)
        #expect(try fixture.base.ipvsadm("-Sn") == "")
    }

    @Test("Real servers without connections go at the next look, and then nothing is asked")
    func idle() throws {
        let fixture = try DrainFixture()
        try fixture.base.apply([fixture.server([1, 2, 3])])
        try fixture.base.apply([fixture.server([2])])
        let report = try fixture.store.finishDrains()
        #expect(report.finished == 2)
        #expect(report.draining == 0)
        let before = fixture.base.traffic.messages
        #expect(try fixture.store.finishDrains() == DrainReport())
        #expect(fixture.base.traffic.messages == before)
        try fixture.base.expect([fixture.server([2])])
    }

    @Test("An endpoint that comes back is in full use again, known to drain or not")
    func comesBack() throws {
        let fixture = try DrainFixture()
        try fixture.base.apply([fixture.server([1, 2])])
        let real = RealServer(fixture.base.endpoint(1), weight: 4)
        var wanted = fixture.server([2])
        wanted.realServers[real.key] = real
        for store in [fixture.store, fixture.newStore()] {
            _ = try fixture.store.remove([.removeRealServer(fixture.key, real)])
            try fixture.base.expect([fixture.server([2])])
            let report = try store.make([.addRealServer(fixture.key, real)])
            #expect(report == ApplyReport(operations: 1))
            #expect(try store.finishDrains() == DrainReport())
            try fixture.base.expect([wanted])
            let thresholds = try fixture.base.ipvsadm("-Ln --thresholds")
            let lines = thresholds.split(separator: "\n").filter { $0.contains("10.128") }
            #expect(lines.count == 2)
            for line in lines {
                // Weight, thresholds, active and inactive connections.
                let fields = line.split(separator: " ")
                #expect(fields[3...4] == ["0", "0"])
            }
        }
    }

    @Test("A virtual server goes with its last real server, and comes back whole")
    func virtualServer() throws {
        let fixture = try DrainFixture()
        let listener = try TCPListener(at: fixture.base.endpoint(1))
        try fixture.base.apply([fixture.server([1])])
        do {
            let client = try TCPConnection(to: fixture.vip)
            let accepted = try listener.accept()
            try fixture.base.apply([])
            for store in [fixture.store, fixture.newStore()] {
                #expect(try store.observe() == [:])
                #expect(store.drainingAddresses == [fixture.vip.address])
                let report = try store.finishDrains()
                #expect(report.addresses == [fixture.vip.address])
                #expect(report.draining == 1)
            }
            // Back, with another endpoint and other attributes; the old one drains on.
            var wanted = fixture.server([2, 3])
            wanted.scheduler = SchedulerName("wlc")
            wanted.persistenceSeconds = 30
            let restarted = fixture.newStore()
            #expect(try restarted.make([.create(wanted)]) == ApplyReport(operations: 3))
            #expect(restarted.drainingAddresses.isEmpty)
            try fixture.base.expect([wanted])
            #expect(try restarted.finishDrains().draining == 1)
            expectToBeConnected(client, accepted)
            try fixture.base.apply([])
            let report = try fixture.store.finishDrains()
            #expect(report.draining == 1)
            #expect(report.finished == 2)
        }
        let report = try fixture.waitForDrain(fixture.store, seconds: 20)
        #expect(report.finished == 1)
        #expect(report.addresses.isEmpty)
        #expect(try fixture.base.ipvsadm("-Sn") == "")
    }

    @Test(
        "New connections go past a draining real server, whatever the scheduler",
        arguments: [
            "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh",
        ]
    )
    func schedulers(_ name: String) throws {
        let fixture = try DrainFixture()
        let first = try TCPListener(at: fixture.base.endpoint(1))
        let second = try TCPListener(at: fixture.base.endpoint(2))
        var server = fixture.server([1, 2])
        server.scheduler = SchedulerName(name)
        server.hashesSourcePort = ["sh", "mh"].contains(name)
        for staying in [1, 2] {
            try fixture.base.apply([server])
            var less = server
            less.realServers[fixture.base.endpoint(3 - staying)] = nil
            try fixture.base.apply([less])
            for _ in 0..<8 {
                let client = try TCPConnection(to: fixture.vip)
                let accepted = try staying == 1 ? first.accept() : second.accept()
                expectToBeConnected(client, accepted)
            }
        }
    }

    @Test("A virtual server that drains comes back with the real servers it had")
    func sameAgain() throws {
        let fixture = try DrainFixture()
        let server = fixture.server([1, 2])
        try fixture.base.apply([server])
        try fixture.base.apply([])
        try fixture.base.apply([server])
        try fixture.base.expect([server])
        #expect(try fixture.store.finishDrains() == DrainReport())
        try fixture.base.expect([server])
    }

    @Test("Virtual servers for UDP, and those without real servers, are deleted at once")
    func atOnce() throws {
        let fixture = try DrainFixture()
        let base = fixture.base
        try base.apply([
            base.server(base.frontend(1, .udp), [1, 2]), base.server(base.frontend(1), []),
        ])
        try base.apply([base.server(base.frontend(1, .udp), [1])])
        #expect(
            try base.ipvsadm("-Sn") == """
                -A -u 10.96.0.2:80 -s rr
                -a -u 10.96.0.2:80 -r 10.128.0.2:8080 -m -w 1

                """
        )
        try base.apply([])
        #expect(try base.ipvsadm("-Sn") == "")
        #expect(base.store.drainingAddresses.isEmpty)
    }

    @Test("A virtual server by mark drains, and until then any address may have its connections")
    func mark() throws {
        let fixture = try DrainFixture()
        let store = fixture.store
        let range = try #require(IPPrefix("10.97.0.0/16"))
        let own = AddressBinding(addresses: [fixture.vip.address])
        let all = own.union(
            AddressBinding(addresses: [address("10.96.0.3", 80).address], ranges: [range])
        )
        try fixture.base.apply([
            fixture.server([1]), fixture.base.server(.mark(0x1_0000, .ipv4), [1]),
        ])
        #expect(store.draining(of: all).isEmpty)
        try fixture.base.apply([fixture.server([1])])
        #expect(store.drainingAddresses.isEmpty)
        #expect(store.draining(of: all) == all)
        #expect(try fixture.base.ipvsadm("-Sn").contains("-w 0"))
        #expect(try store.finishDrains().finished == 1)
        #expect(store.draining(of: all).isEmpty)
        // One by address has its own alone.
        try fixture.base.apply([])
        #expect(store.draining(of: all) == own)
        #expect(try store.finishDrains().finished == 1)
        #expect(try fixture.base.ipvsadm("-Sn") == "")
    }

    @Test("A foreign virtual server in the place of one that went away is left alone")
    func replaced() throws {
        let fixture = try DrainFixture()
        try fixture.base.apply([fixture.server([1])])
        try fixture.base.apply([])
        try fixture.base.ipvsadm("-D -t 10.96.0.2:80")
        try fixture.base.ipvsadm("-A -t 10.96.0.2:80 -s rr")
        #expect(try fixture.store.finishDrains() == DrainReport())
        #expect(try fixture.base.ipvsadm("-Sn") == "-A -t 10.96.0.2:80 -s rr\n")
    }
}

/// What one side sends comes out at the other.
private func expectToBeConnected(
    _ one: borrowing TCPConnection,
    _ other: borrowing TCPConnection,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let byte = one.send(42) ? other.receive() : nil
    #expect(byte == 42, sourceLocation: sourceLocation)
}
