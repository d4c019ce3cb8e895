import Addressing
import DataplaneModel
import IPVS
import Testing

@Suite("VirtualServerStore beside others", .enabled(if: isUML))
@KernelThread
struct ForeignServersUMLTests {
    @Test("Foreign virtual servers are neither listed nor touched", arguments: IPFamily.allCases)
    func untouched(_ family: IPFamily) throws {
        let fixture = try IPVSFixture(family)
        let (vip, real) = family == .ipv4 ? ("10.0.0.1", "10.1.1.1") : ("[fd00::1]", "[fd01::1]")
        let mark = family == .ipv4 ? "-f 7" : "-f 7 -6"
        try fixture.ipvsadm("-A -t \(vip):80 -s wlc -p 60")
        try fixture.ipvsadm("-a -t \(vip):80 -r \(real):80 -m -w 3")
        try fixture.ipvsadm("-A \(mark) -s rr")
        let before = try fixture.ipvsadm("-Sn")
        try fixture.expect([])
        try fixture.apply([fixture.server(fixture.frontend(1), [1])])
        let store = VirtualServerStore(family: family, drainTimeout: .zero)
        _ = try store.remove(store.observe().values.map { .delete($0) })
        #expect(try fixture.ipvsadm("-Sn") == before)
    }

    @Test("A foreign virtual server in the place of a wanted one is reported, the rest is made")
    func clash() throws {
        let fixture = try IPVSFixture(.ipv4)
        try fixture.ipvsadm("-A -t 10.96.0.2:80 -s wlc")
        let servers = (0..<3).map { fixture.server(fixture.frontend($0), [1, 2]) }
        let report = try fixture.store.make(servers.map { .create($0) })
        #expect(report.operations == 6)
        #expect(report.failures.map(\.subject) == ["10.96.0.2:80/tcp"])
        #expect(report.failures.map(\.kind) == [.alreadyExists])
        #expect(
            report.failures.first?.message
                == "there is one that Fairlead did not make; unless another program needs it, remove it: ipvsadm -D -t 10.96.0.2:80"
        )
        try fixture.expect([servers[0], servers[2]])
        let lines = try fixture.ipvsadm("-Sn").split(separator: "\n")
        #expect(lines.filter { $0.contains("10.96.0.2") } == ["-A -t 10.96.0.2:80 -s wlc"])
    }

    @Test("Virtual servers in excluded ranges are foreign even with our signature")
    func excluded() throws {
        let fixture = try IPVSFixture(.ipv4)
        let servers = [1, 2].map { fixture.server(fixture.frontend($0), [1]) }
        try fixture.apply(servers)
        let range = try #require(IPPrefix("10.96.0.2/32"))
        let store = VirtualServerStore(family: .ipv4, excluded: [range], drainTimeout: .zero)
        #expect(Array(try store.observe().keys) == [servers[1].key])
        let before = try fixture.ipvsadm("-Sn")
        let change = VirtualServerChange.addRealServer(
            servers[0].key,
            RealServer(fixture.endpoint(2))
        )
        let report = try store.make([.create(servers[0]), change])
        #expect(report.operations == 0)
        #expect(report.failures.map(\.subject) == ["10.96.0.2:80/tcp", "10.96.0.2:80/tcp"])
        #expect(report.failures.first?.message?.contains("10.96.0.2/32") == true)
        _ = try store.remove([.delete(servers[0])])
        #expect(try fixture.ipvsadm("-Sn") == before)
    }

    @Test(
        "What the kernel refuses is named, and all the rest is made",
        arguments: IPFamily.allCases
    )
    func refusals(_ family: IPFamily) throws {
        let fixture = try IPVSFixture(family)
        var unknown = fixture.server(fixture.frontend(1), [1])
        unknown.scheduler = SchedulerName("nosuch")
        var servers = (2..<40).map { fixture.server(fixture.frontend($0), [1, 2]) }
        // The kernel takes no multicast address as a real server.
        let multicast = RealServer(address(family == .ipv4 ? "224.0.0.9" : "ff02::9", 80))
        servers[7].realServers[multicast.key] = multicast
        var heavy = RealServer(fixture.endpoint(3))
        heavy.weight = .max
        servers[9].realServers[heavy.key] = heavy
        let report = try fixture.store.make(([unknown] + servers).map { .create($0) })
        #expect(report.operations == 38 * 3)
        #expect(
            report.failures.map(\.subject) == [
                "\(unknown.key)", "\(servers[7].key) → \(multicast.key)",
                "\(servers[9].key) → \(heavy.key)",
            ]
        )
        #expect(report.failures.first?.kind == .unsupported)
        #expect(report.failures.first?.message?.contains("modprobe ip_vs_nosuch") == true)
        #expect(report.failures.last?.operation == "IPVS_CMD_NEW_DEST")
        servers[7].realServers[multicast.key] = nil
        servers[9].realServers[heavy.key] = nil
        try fixture.expect(servers)
    }

    @Test("A change of a virtual server that is gone is reported")
    func gone() throws {
        let fixture = try IPVSFixture(.ipv4)
        let server = fixture.server(fixture.frontend(1), [1])
        var edited = server
        edited.persistenceSeconds = 5
        let real = RealServer(fixture.endpoint(1))
        let report = try fixture.store.make([
            .edit(from: server, to: edited), .addRealServer(server.key, real),
        ])
        #expect(report.failures.map(\.kind) == [.notFound, .notFound])
        #expect(
            report.failures.map(\.subject) == [
                "10.96.0.2:80/tcp", "10.96.0.2:80/tcp → 10.128.0.2:8080",
            ]
        )
    }
}
