import Addressing
import DataplaneModel
import IPVS
import Testing

/// ipvsadm takes our signature away from what it edits or restores.
@Suite("Virtual servers without their signature", .enabled(if: isUML))
@KernelThread
struct LostSignatureUMLTests {
    /// A virtual server without the signature, with real servers of these endpoints.
    private func makeForeign(
        _ fixture: IPVSFixture,
        _ key: VirtualServer.Key,
        _ endpoints: [Int]
    ) throws {
        guard case .frontend(let socket, _) = key else { return }
        try fixture.ipvsadm("-A -t \(socket) -s wlc")
        for endpoint in endpoints {
            try fixture.ipvsadm("-a -t \(socket) -r \(fixture.endpoint(endpoint)) -m -w 7")
        }
    }

    private func restarted(_ family: IPFamily) -> VirtualServerStore {
        VirtualServerStore(family: family, drainTimeout: .zero)
    }

    @Test("What ipvsadm edited is noticed and taken back", arguments: IPFamily.allCases)
    func edited(_ family: IPFamily) throws {
        let fixture = try IPVSFixture(family)
        let server = fixture.server(fixture.frontend(1), [1, 2])
        try fixture.apply([server])
        let wanted = [server.key: server]
        #expect(try !fixture.store.differs(from: wanted))
        guard case .frontend(let socket, _) = server.key else { return }
        // The attributes stay the same, so that nothing but the signature is lost.
        try fixture.ipvsadm("-E -t \(socket) -s rr")
        #expect(try fixture.store.differs(from: wanted))
        #expect(try fixture.store.observe().isEmpty)
        try fixture.apply([server])
        try fixture.expect([server])
        try fixture.ipvsadm("-E -t \(socket) -s wlc -p 99")
        let store = restarted(family)
        #expect(try store.make([.create(server)]).failures == [])
        #expect(try store.observe() == wanted)
    }

    @Test("What was saved, cleared and restored is taken back", arguments: IPFamily.allCases)
    func restored(_ family: IPFamily) throws {
        let fixture = try IPVSFixture(family)
        var servers = (0..<20).map { fixture.server(fixture.frontend($0), [1, 2, 3]) }
        servers.append(fixture.server(.mark(0x10_0000, family), [4]))
        servers[3].persistenceSeconds = 50
        try fixture.apply(servers)
        try Program.check([
            "sh", "-c", "saved=$(ipvsadm -S -n) && ipvsadm -C && echo \"$saved\" | ipvsadm -R",
        ])
        let store = restarted(family)
        #expect(try store.observe().isEmpty)
        let report = try store.make(servers.map { .create($0) })
        #expect(report.failures == [])
        #expect(try Set(store.observe().values.map(\.key)) == Set(servers.map(\.key)))
        try fixture.expect(servers)
    }

    @Test("Other real servers, or none, are no evidence", arguments: [[9], [1, 9], []])
    func noEvidence(_ endpoints: [Int]) throws {
        let fixture = try IPVSFixture(.ipv4)
        let server = fixture.server(fixture.frontend(1), [1, 2])
        try makeForeign(fixture, server.key, endpoints)
        let before = try fixture.ipvsadm("-Sn")
        let report = try fixture.store.make([.create(server)])
        #expect(report.operations == 0)
        #expect(report.failures.map(\.kind) == [.alreadyExists])
        #expect(try fixture.store.obstacles(to: [server.key: server]) == report.failures)
        #expect(try fixture.ipvsadm("-Sn") == before)
    }

    @Test("Real servers reached in another way are no evidence")
    func otherForwarding() throws {
        let fixture = try IPVSFixture(.ipv4)
        let server = fixture.server(fixture.frontend(1), [1])
        try fixture.ipvsadm("-A -t 10.96.0.2:80 -s rr")
        try fixture.ipvsadm("-a -t 10.96.0.2:80 -r \(fixture.endpoint(1)) -g")
        let report = try fixture.store.make([.create(server)])
        #expect(report.failures.map(\.kind) == [.alreadyExists])
    }

    @Test(
        "What this store made is taken back with some of its real servers or none",
        arguments: [[1, 9], []]
    )
    func known(_ endpoints: [Int]) throws {
        let fixture = try IPVSFixture(.ipv4)
        let server = fixture.server(fixture.frontend(1), [1, 2])
        try fixture.apply([server])
        try fixture.ipvsadm("-C")
        try makeForeign(fixture, server.key, endpoints)
        try fixture.apply([server])
        let lines = try fixture.ipvsadm("-Sn").split(separator: "\n")
        #expect(lines.filter { $0.hasSuffix("-w 1") }.count == 2)
        try fixture.expect([server])
    }

    @Test("A virtual server that was seen to be gone is not reused on old evidence")
    func forgotten() throws {
        let fixture = try IPVSFixture(.ipv4)
        let server = fixture.server(fixture.frontend(1), [1, 2])
        try fixture.apply([server])
        try fixture.ipvsadm("-C")
        try fixture.expect([])
        try makeForeign(fixture, server.key, [])
        let report = try fixture.store.make([.create(server)])
        #expect(report.failures.map(\.kind) == [.alreadyExists])
    }

    @Test(
        "Beside another service proxy nothing is taken back",
        arguments: ["kube-ipvs0", "kube-dummy-if"]
    )
    func knownProxy(_ link: String) throws {
        let fixture = try IPVSFixture(.ipv4)
        try Program.check(["ip", "link", "add", link, "type", "dummy"])
        let server = fixture.server(fixture.frontend(1), [1, 2])
        try makeForeign(fixture, server.key, [1, 2])
        let before = try fixture.ipvsadm("-Sn")
        let report = try fixture.store.make([.create(server)])
        let owner = link == "kube-ipvs0" ? "kube-proxy" : "kube-router"
        #expect(report.failures.first?.message?.hasPrefix("there is one of \(owner)'s") == true)
        #expect(try fixture.ipvsadm("-Sn") == before)
        try Program.check(["ip", "link", "delete", link])
        #expect(try fixture.store.make([.create(server)]).failures == [])
        try fixture.expect([server])
    }

    @Test("Only a default scheduler that is missing concerns the whole family")
    func scopes() throws {
        _ = try IPVSFixture(.ipv4)
        let store = VirtualServerStore(
            family: .ipv4,
            defaultScheduler: SchedulerName("nosuch"),
            drainTimeout: .zero
        )
        let fixture = try IPVSFixture(.ipv4)
        let report = try store.make(
            ["nosuch", "other"].enumerated().map { number, scheduler in
                .create(fixture.server(fixture.frontend(number), [1], scheduler: scheduler))
            }
        )
        #expect(report.failures.map(\.scope) == [.family, .object])
    }
}
