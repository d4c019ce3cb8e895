import Addressing
import Dataplane
import DataplaneModel
import HostChecks
import HostFacts
import IPVS
import Testing

@Suite("IPVS settings", .enabled(if: isUML))
@KernelThread
struct IPVSSettingsUMLTests {
    @Test("Timeouts that are not zero are set, the others kept")
    func timeouts() throws {
        _ = try IPVSFixture(.ipv4)
        let kernel = IPVSTimeouts(
            tcp: .seconds(900),
            tcpFinish: .seconds(120),
            udp: .seconds(300)
        )
        #expect(try IPVSTimeouts.observe() == kernel)
        try IPVSTimeouts(tcpFinish: .milliseconds(29_500)).apply()
        var changed = kernel
        changed.tcpFinish = .seconds(30)
        #expect(try IPVSTimeouts.observe() == changed)
        try IPVSTimeouts(tcp: .seconds(60), udp: .seconds(10)).apply()
        #expect(
            try IPVSTimeouts.observe()
                == IPVSTimeouts(
                    tcp: .seconds(60),
                    tcpFinish: .seconds(30),
                    udp: .seconds(10)
                )
        )
    }

    @Test("A timeout that the kernel cannot keep is refused")
    func refusedTimeout() throws {
        _ = try IPVSFixture(.ipv4)
        #expect(throws: DataplaneError.self) {
            try IPVSTimeouts(tcp: .seconds(4_000_000_000)).apply()
        }
    }

    @Test("Kernel parameters are set, those for ARP only when they are wanted")
    func sysctls() throws {
        let fixture = try IPVSFixture(.ipv4)
        // The namespace has its parameters of IPVS only now.
        _ = try fixture.store.observe()
        #expect(IPVSSysctls.apply(strictARP: false) == [])
        #expect(try Sysctl.read("net.ipv4.vs.conntrack") == "1")
        #expect(try Sysctl.read("net.ipv4.vs.expire_nodest_conn") == "1")
        #expect(try Sysctl.read("net.ipv4.vs.expire_quiescent_template") == "1")
        #expect(try Sysctl.read("net.ipv4.vs.conn_reuse_mode") == "1")
        #expect(try Sysctl.read("net.ipv4.conf.all.arp_ignore") == "0")
        #expect(IPVSSysctls.apply(strictARP: true) == [])
        #expect(try Sysctl.read("net.ipv4.conf.all.arp_ignore") == "1")
        #expect(try Sysctl.read("net.ipv4.conf.all.arp_announce") == "2")
    }

    @Test("This kernel has all that ipvs mode needs", arguments: IPFamily.allCases)
    func capabilities(_ family: IPFamily) throws {
        _ = try IPVSFixture(family)
        let findings = KernelCapabilities.ipvs(
            families: [family],
            scheduler: SchedulerName("wrr"),
            needsDummy: true
        )
        #expect(findings.filter { $0.level == .failure } == [])
        let text = findings.map { "\($0.subject): \($0.detail)" }
        #expect(text.contains("IPVS: version 1.2.1"))
        #expect(text.contains("scheduler wrr: present"))
        #expect(text.contains("dummy links: present"))
        #expect(text.contains("\(family.rawValue) legacy tables: filter, mangle, nat"))
        #expect(
            text.contains(
                "\(family.rawValue) sets: hash:ip hash:ip,port hash:ip,port,net bitmap:port"
            )
        )
    }

    @Test("A scheduler that no module brings is a failure that names it")
    func missingScheduler() throws {
        _ = try IPVSFixture(.ipv4)
        let findings = KernelCapabilities.ipvs(
            families: [.ipv4],
            scheduler: SchedulerName("nosuch"),
            needsDummy: false
        )
        let failures = findings.filter { $0.level == .failure }
        #expect(failures.map(\.subject) == ["scheduler nosuch"])
        #expect(failures.first?.detail.contains("ip_vs_nosuch") == true)
        #expect(!findings.contains { $0.subject == "dummy links" })
    }
}
