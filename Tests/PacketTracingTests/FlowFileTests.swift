import Addressing
import DataplaneModel
import PacketTracing
import TestSupport
import Testing

@Suite struct FlowFileTests {
    private func flow(_ line: String) throws -> FlowExpectation {
        try #require(try FlowFile(parsing: line).flows.first)
    }

    @Test("Comments, blank lines, headers and every line ending are understood")
    func layout() throws {
        let text =
            "# node\r\nlocal 192.0.2.1 2001:db8::1\r\nlink cni0 10.244.1.0/24 fd00::/64\r\n"
            + "\r\n10.244.1.7 via cni0 -> 10.96.0.10:80/tcp = REJECT # why\r\n\t \n"
            + "fd00::7->[fd00:96::a]:53/udp=DROP"
        let file = try FlowFile(parsing: text)
        #expect(file.network.isLocal(address("2001:db8::1")))
        #expect(file.network.interface(toward: address("fd00::9")) == "cni0")
        #expect(file.flows.map(\.line) == [5, 7])
        #expect(file.flows.map(\.outcome) == [.rejected, .dropped])
        #expect(file.flows[0].packet.inputInterface == "cni0")
        #expect(file.flows[0].text == "10.244.1.7 via cni0 -> 10.96.0.10:80/tcp = REJECT")
        #expect(file.flows[1].packet.destination.description == "[fd00:96::a]:53/udp")
    }

    @Test("Endpoints have shares, and a rewritten source one by one or all together")
    func endpoints() throws {
        let some = "10.1.1.1 -> 10.2.2.2:80/tcp = 10.0.0.1:1 1/4 masq, 10.0.0.2:2 75%"
        guard case .endpoints(let shares, let sticky) = try flow(some).outcome else {
            Issue.record("no endpoints")
            return
        }
        #expect(!sticky)
        #expect(
            shares[FlowResult(.delivered(socket("10.0.0.1:1")), masqueraded: true)]?.value == 0.25
        )
        #expect(shares[FlowResult(.delivered(socket("10.0.0.2:2")))]?.text == "75%")
        let all = "10.1.1.1 -> 10.2.2.2:80/tcp = 10.0.0.1:1, 10.0.0.2:2; masq sticky"
        guard case .endpoints(let equal, let isSticky) = try flow(all).outcome else {
            Issue.record("no endpoints")
            return
        }
        #expect(isSticky)
        #expect(equal.keys.map(\.masqueraded) == [true, true])
        #expect(equal.values.map(\.value) == [0.5, 0.5])
        let untouched = try flow("10.1.1.1 -> 10.2.2.2/icmp = UNTOUCHED masq")
        #expect(untouched.outcome == .untouched(masqueraded: true))
    }

    @Test("A line can hold for some modes, and say why not for others")
    func modes() throws {
        let line = "10.1.1.1 -> 10.2.2.2:80/tcp = DROP @iptables,ipvs !ipvs(it answers (itself)"
        let both = try flow(line)
        #expect(both.modes == [.iptables, .ipvs])
        #expect(both.exceptions == [.ipvs: "it answers (itself"])
        #expect(ProxyMode.allCases.map(both.applies(to:)) == [true, false, false])
        let one = try flow("10.1.1.1 -> 10.2.2.2:80/tcp = 10.0.0.1:1; masq !nftables(later)")
        #expect(ProxyMode.allCases.map(one.applies(to:)) == [true, true, false])
        #expect(try flow("10.1.1.1 -> 10.2.2.2:80/tcp = DROP").modes.count == 3)
    }

    @Test("A line can hold for clients of the socket level alone, or not for them")
    func sockets() throws {
        let plain = try flow("10.1.1.1 -> 10.2.2.2:80/tcp = DROP")
        #expect(ProxyMode.allCases.allSatisfy(plain.appliesToSockets(above:)))
        let other = try flow("10.1.1.1 -> 10.2.2.2:80/tcp = DROP @ipvs !socket(it answers)")
        #expect(other.applies(to: .ipvs))
        #expect(!ProxyMode.allCases.contains(where: other.appliesToSockets(above:)))
        let alone = try flow("10.1.1.1 -> 10.2.2.2:80/tcp = DROP @socket,ipvs")
        #expect(!ProxyMode.allCases.contains(where: alone.applies(to:)))
        #expect(alone.appliesToSockets(above: .ipvs) && !alone.appliesToSockets(above: .nftables))
    }

    @Test(
        "A faulty line is named with its fault",
        arguments: [
            ("10.1.1.1 10.2.2.2:80/tcp = DROP", "write: FROM"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp DROP", "write: FROM"),
            ("10.1.1 -> 10.2.2.2:80/tcp = DROP", "'10.1.1' is not an address"),
            ("10.1.1.1 by x -> 10.2.2.2:80/tcp = DROP", "left of '->'"),
            ("10.1.1.1 -> 10.2.2.2:80 = DROP", "'10.2.2.2:80' is neither"),
            ("10.1.1.1 -> [fd00::1]:80/tcp = DROP", "different families"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = [fd00::1]:1", "destination's family"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp =", "'' is neither"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = drop", "'drop' is neither"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = DROP masq", "DROP stands alone"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = UNTOUCHED sticky", "write: UNTOUCHED"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = 10.0.0.1:1,", "'' is neither"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = 10.0.0.1:1 1/2, 10.0.0.2:2", "for each endpoint"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = 10.0.0.1:1 1/2, 10.0.0.2:2 1/3", "add up"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = 10.0.0.1:1, 10.0.0.1:1", "twice"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = 10.0.0.1:1 2/1", "'2/1' behind"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = 10.0.0.1:1 0%", "'0%' behind"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = 10.0.0.1:1 sticky", "write '; sticky'"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = 10.0.0.1:1; stick", "'stick' behind ';'"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = DROP @ebpf", "'ebpf' is not a mode"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = DROP @", "'' is not a mode"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = DROP !ipvs", "behind the outcome"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = DROP !ipvs()", "needs a reason"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = DROP @ipvs @ipvs", "more than one"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = DROP @socket @ipvs", "more than one"),
            ("10.1.1.1 -> 10.2.2.2:80/tcp = DROP !socket()", "needs a reason"),
            ("local 10.0.0", "'10.0.0' is not an address"), ("link cni0", "write: link"),
            ("link cni0 10.0.0.0/33", "not an address range"),
        ]
    )
    func faults(line: String, message: String) throws {
        let error = try #require(throws: FlowFileError.self) {
            try FlowFile(parsing: "# first\n\(line)\n")
        }
        #expect(error.faults.map(\.line) == [2])
        #expect(error.description.contains(message), "\(error)")
    }

    @Test("All faulty lines are reported, headers in the wrong place among them")
    func allFaults() throws {
        let error = try #require(throws: FlowFileError.self) {
            try FlowFile(parsing: "x\n10.1.1.1 -> 10.2.2.2:80/tcp = DROP\n\nlocal 10.0.0.1\n")
        }
        #expect(error.faults.map(\.line) == [1, 4])
    }
}

@Suite struct FlowCheckTests {
    private let made = HandMadeState.service(
        HandMadeState.evenly(["10.180.1.1:80", "10.180.1.2:80", "10.180.1.3:80"])
    )
    private let list = "10.180.1.1:80 1/3, 10.180.1.2:80 33%, 10.180.1.3:80 33.3%"

    @Test("What holds gives no mismatch, in fractions and percentages of any precision")
    func holds() throws {
        #expect(try made.mismatches("10.244.1.7 -> 10.96.0.10:80/tcp = \(list)") == [])
    }

    @Test(
        "A mismatch says what differs",
        arguments: [
            ("10.180.1.1:80, 10.180.1.2:80", "found, not expected: 10.180.1.3:80"),
            (
                "10.180.1.1:80, 10.180.1.2:80, 10.180.1.4:80, 10.180.1.3:80",
                "expected, not found: 10.180.1.4:80"
            ),
            ("10.180.1.1:80, 10.180.1.2:80, 10.180.1.3:80 masq", "not found: 10.180.1.3:80 masq"),
            (
                "10.180.1.1:80 1/4, 10.180.1.2:80 1/4, 10.180.1.3:80 1/2",
                "10.180.1.1:80: expected 25% (1/4), got 33.3% (1/3)"
            ),
            ("10.180.1.1:80, 10.180.1.2:80, 10.180.1.3:80; sticky", "got no affinity"),
            ("REJECT", "expected, not found: REJECT"), ("DROP", "expected, not found: DROP"),
            ("UNTOUCHED", "expected, not found: UNTOUCHED"),
        ]
    )
    func differs(outcome: String, difference: String) throws {
        let text = "\n10.244.1.7 -> 10.96.0.10:80/tcp = \(outcome)"
        let mismatch = try #require(try made.mismatches(text).first)
        #expect(mismatch.line == 2)
        #expect(mismatch.differences.contains { $0.contains(difference) }, "\(mismatch)")
        #expect(mismatch.description.contains("nat PREROUTING"))
    }

    @Test("Lines of other modes are not looked at")
    func otherModes() throws {
        let text = """
            10.244.1.7 -> 10.96.0.10:80/tcp = REJECT @ipvs,nftables
            10.244.1.7 -> 10.96.0.10:80/tcp = DROP !iptables(an example)
            """
        #expect(try made.mismatches(text) == [])
    }

    @Test("A trace with a problem is never right")
    func problem() throws {
        var made = made
        made.builtin(.postrouting, [Rule(matches: [.bpf([])], target: .masquerade)])
        made.state.nat.jumps.removeAll {
            $0.from == .postrouting && $0.rule.target == .to("POSTROUTING")
        }
        let text = "10.244.1.7 -> 10.96.0.10:80/tcp = \(list)"
        let mismatch = try #require(try made.mismatches(text).first)
        #expect(mismatch.differences.count == 1)
        #expect(mismatch.differences[0].hasPrefix("problem: nat POSTROUTING rule 1"))
    }

    @Test("A family without a plan is a mismatch")
    func missingFamily() throws {
        let file = try FlowFile(parsing: "fd00::1 -> [fd00::2]:80/tcp = DROP")
        let mismatches = file.mismatches(in: .iptables) { _, _ in nil }
        #expect(mismatches.map(\.differences) == [["nothing traces IPv6"]])
    }
}
