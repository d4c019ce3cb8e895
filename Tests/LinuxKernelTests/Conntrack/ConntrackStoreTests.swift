import Addressing
import DataplaneModel
import Testing

@testable import Conntrack
@testable import HostFacts

/// Entries made and listed with conntrack-tools.
@Suite("ConntrackStore")
@KernelThread
struct ConntrackStoreTests {
    /// Enters a new namespace. Not at the suite's making, as another test may run in between.
    private func enterNamespace() throws {
        try NetworkNamespace.enterNew()
        try Program.check(["ip", "link", "set", "lo", "up"])
    }

    private func conntrack(_ arguments: String) throws {
        let words = arguments.split(separator: " ").map(String.init)
        try Program.check(["conntrack"] + words)
    }

    /// What is there, without times.
    private func entries() throws -> [String] {
        let families = ["ipv4", "ipv6"]
        let text = try families.map { try Program.check(["conntrack", "-L", "-f", $0]) }.joined()
        return text.split(separator: "\n").filter { $0.contains("src=") }.map { line in
            let words = line.split(separator: " ")
            return words.filter { Int($0) == nil }.joined(separator: " ")
        }
        .sorted()
    }

    private static let flows: [IPFamily: (client: String, vip: String, pod: String)] = [
        .ipv4: ("10.0.0.1", "10.96.0.10", "10.180.0.11"),
        .ipv6: ("fd00::1", "fd00:96::10", "fd00:180::11"),
    ]

    /// A flow from a client's port to a Service, and on to a pod.
    private func insert(
        _ family: IPFamily,
        _ port: Int,
        transport: String = "udp",
        more: String = ""
    ) throws {
        guard let (client, vip, pod) = Self.flows[family] else { return }
        try conntrack(
            "-I -p \(transport) -s \(client) -d \(vip) --sport \(port) --dport 53"
                + " --reply-src \(pod) --reply-dst \(client)"
                + " --reply-port-src 5353 --reply-port-dst \(port) -t 300 \(more)"
        )
    }

    @Test(
        "Only the UDP flows picked go; TCP, SCTP and other zones are not even shown",
        arguments: IPFamily.allCases
    )
    func deletion(_ family: IPFamily) throws {
        try enterNamespace()
        let other: IPFamily = family == .ipv4 ? .ipv6 : .ipv4
        try insert(family, 1001, transport: "tcp", more: "--state ESTABLISHED")
        try insert(
            family,
            1001,
            transport: "sctp",
            more: "--state ESTABLISHED --orig-vtag 1 --reply-vtag 2"
        )
        try insert(family, 1002, more: "-w 7")
        try insert(family, 1003, more: "--orig-zone 8")
        try insert(other, 1001)
        let untouched = try entries()
        #expect(untouched.count == 5)
        for port in 1001...1003 { try insert(family, port + 1000) }
        let (_, vip, pod) = try #require(Self.flows[family])
        var seen: [UDPFlow] = []
        let store = ConntrackStore(family: family)
        let looked = try store.deleteFlows {
            seen.append($0)
            return false
        }
        let flow = UDPFlow(destination: address(vip, 53), responder: address(pod, 5353))
        #expect(seen == [flow, flow, flow])
        #expect(looked.examined == 3)
        #expect(looked.deleted == 0)
        let report = try store.deleteFlows { $0 == flow }
        #expect(report.deleted == 3)
        #expect(report.failures == [])
        #expect(try entries() == untouched)
    }

    @Test("Tens of thousands go in portions, and the rest stays")
    func many() throws {
        try enterNamespace()
        let count = 20_000
        var lines = ""
        for index in 0..<count {
            lines += "-I -p udp -s 10.0.\(index / 250).\(index % 250 + 1) -d 10.96.0.10 "
            lines += "--sport 1000 --dport \(index % 2 == 0 ? 53 : 54) -t 300\n"
        }
        try Program.check(["conntrack", "-R", "-"], input: lines)
        let store = ConntrackStore(family: .ipv4)
        let clock = ContinuousClock()
        var looked = ConntrackStore.Report()
        let reading = try clock.measure { looked = try store.deleteFlows { _ in false } }
        #expect(looked.examined == count)
        var report = ConntrackStore.Report()
        let deleting = try clock.measure {
            report = try store.deleteFlows { $0.destination.port.value == 53 }
        }
        #expect(report.deleted == count / 2)
        #expect(try store.deleteFlows { _ in false }.examined == count / 2)
        print(
            "conntrack: \(count) entries: looked through in \(reading), half deleted in \(deleting)"
        )
    }

    @Test("Timeouts are set in this namespace; the table's size is the host's, and is reported")
    func settings() throws {
        try enterNamespace()
        let name = "net.netfilter.nf_conntrack_"
        let maximum = name + "max"
        let before = try Sysctl.read(maximum)
        let settings = ConntrackSettings(
            maximumPerCore: 1,
            minimum: 1 << 30,
            tcpEstablishedTimeout: .seconds(15),
            tcpCloseWaitTimeout: .seconds(16),
            tcpIsLiberal: true,
            udpTimeout: .seconds(17),
            udpStreamTimeout: .seconds(18)
        )
        let refused = settings.apply()
        #expect(refused.map(\.subject) == [maximum])
        #expect(
            refused.first?.message
                == "it is \(before) and should be \(1 << 30), which can only be set in the host's own network namespace"
        )
        #expect(try Sysctl.read(name + "tcp_timeout_established") == "15")
        #expect(try Sysctl.read(name + "tcp_timeout_close_wait") == "16")
        #expect(try Sysctl.read(name + "tcp_be_liberal") == "1")
        #expect(try Sysctl.read(name + "udp_timeout") == "17")
        #expect(try Sysctl.read(name + "udp_timeout_stream") == "18")
        #expect(try Sysctl.read(maximum) == before)
        // A table that has room enough is no reason to complain.
        #expect(ConntrackSettings(maximumPerCore: 1, minimum: 1).apply() == [])
        let failures = settings.apply([("nf_conntrack_nonsense", 1)])
        #expect(failures.map(\.kind) == [.notFound])
    }
}
