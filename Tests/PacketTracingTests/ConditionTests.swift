import Addressing
import DataplaneModel
import PacketTracing
import Testing

@Suite struct ConditionTests {
    /// Whether a rule in `chain` matches a packet; dropping shows it.
    private func matches(
        _ rule: Rule,
        _ chain: BuiltinChain = .forward,
        from source: String = "198.51.100.9",
        via interface: String? = nil,
        to destination: String = "10.96.0.10:80/tcp"
    ) throws -> Bool {
        var made = HandMadeState()
        made.builtin(chain == .postrouting ? .nat : .filter, chain, [rule])
        let trace = try made.trace(source, via: interface, to: destination)
        #expect(trace.problems.isEmpty)
        return trace.result?.verdict == .dropped
    }

    @Test("Address ranges, straight and inverted, of the right family only")
    func prefixes() throws {
        let inside = PrefixMatch(prefix("198.51.100.0/24"))
        let outside = PrefixMatch(prefix("198.51.100.0/24"), inverted: true)
        #expect(try matches(Rule(source: inside, target: .drop)))
        #expect(try !matches(Rule(source: outside, target: .drop)))
        #expect(try matches(Rule(destination: outside, target: .drop)))
        #expect(try !matches(Rule(destination: PrefixMatch(prefix("fd00::/8")), target: .drop)))
    }

    @Test("Ports belong to their protocol, and a ping has none")
    func ports() throws {
        let http = Rule(transport: .tcp, matches: [.tcp(80)], target: .drop)
        #expect(try matches(http))
        #expect(try !matches(http, to: "10.96.0.10:81/tcp"))
        #expect(try !matches(http, to: "10.96.0.10:80/udp"))
        #expect(try !matches(http, to: "10.96.0.10/icmp"))
        let range = Rule(
            transport: .sctp,
            matches: [.destinationPort(.sctp, 30000...32767)],
            target: .drop
        )
        #expect(try matches(range, to: "10.96.0.10:32767/sctp"))
        #expect(try !matches(range, to: "10.96.0.10:32768/sctp"))
        #expect(try matches(Rule(target: .drop), to: "10.96.0.10/icmp"))
        #expect(try !matches(Rule(transport: .udp, target: .drop), to: "10.96.0.10/icmp"))
    }

    @Test("Local addresses: those given and all of loopback")
    func localAddresses() throws {
        let toNode = Rule(matches: [.destinationIsLocal()], target: .drop)
        let fromNode = Rule(matches: [.sourceIsLocal()], target: .drop)
        #expect(try matches(toNode, .input, to: "192.0.2.1:80/tcp"))
        #expect(try matches(toNode, .output, from: "192.0.2.1", to: "127.8.9.1:80/tcp"))
        #expect(try !matches(toNode))
        #expect(try matches(fromNode, .output, from: "127.0.0.1"))
        #expect(try matches(fromNode, .output, from: "::1", to: "[fd00::1]:80/tcp"))
        #expect(try !matches(fromNode))
        #expect(try matches(Rule(matches: [.sourceIsLocal(inverted: true)], target: .drop)))
    }

    @Test("The input interface is the one given, else the link of the source's range")
    func inputInterface() throws {
        let cni = Rule(inInterface: InterfaceMatch("cni0"), target: .drop)
        let veth = Rule(inInterface: InterfaceMatch("veth", isPrefix: true), target: .drop)
        let notCNI = Rule(inInterface: InterfaceMatch("cni0", inverted: true), target: .drop)
        #expect(try matches(cni, from: "10.244.1.7"))
        #expect(try !matches(cni, from: "10.244.1.7", via: "eth0"))
        #expect(try matches(veth, via: "veth1234"))
        #expect(try !matches(veth, via: "vet"))
        #expect(try matches(notCNI, via: "eth0"))
        #expect(try !matches(notCNI, via: "cni0"))
    }

    @Test("A packet of the node has no input interface: a match fails, an inverted one holds")
    func outputHasNoInputInterface() throws {
        let eth = InterfaceMatch("eth0")
        let notEth = InterfaceMatch("eth0", inverted: true)
        let any = InterfaceMatch("", isPrefix: true)
        #expect(try !matches(Rule(inInterface: eth, target: .drop), .output, from: "192.0.2.1"))
        #expect(try matches(Rule(inInterface: notEth, target: .drop), .output, from: "192.0.2.1"))
        #expect(try matches(Rule(inInterface: any, target: .drop), .output, from: "192.0.2.1"))
    }

    @Test("The output interface follows the destination, and INPUT has none")
    func outputInterface() throws {
        let cni = Rule(outInterface: InterfaceMatch("cni0"), target: .drop)
        let loopback = Rule(outInterface: InterfaceMatch("lo"), target: .drop)
        #expect(try matches(cni, to: "10.244.1.9:80/tcp"))
        #expect(try matches(cni, .postrouting, to: "10.244.1.9:80/tcp"))
        #expect(try matches(loopback, .output, from: "192.0.2.1", to: "192.0.2.1:80/tcp"))
        #expect(try !matches(loopback, .input, to: "192.0.2.1:80/tcp"))
    }

    @Test("An unknown interface is a problem, and its rule does not match")
    func unknownInterface() throws {
        var made = HandMadeState()
        let inverted = InterfaceMatch("cni0", inverted: true)
        made.builtin(.filter, .forward, [Rule(inInterface: inverted, target: .drop)])
        let trace = try made.trace("198.51.100.9", to: "10.96.0.10:80/tcp")
        #expect(trace.result == FlowResult(.untouched))
        #expect(trace.problems.map(\.kind) == [.undecidable])
        #expect(trace.problems.first?.message.contains("input interface is not known") == true)
    }

    @Test("An unknown interface does not matter to a rule that fails anyway")
    func unknownInterfaceWithoutEffect() throws {
        let cni = InterfaceMatch("cni0")
        #expect(try !matches(Rule(inInterface: cni, transport: .udp, target: .drop)))
        #expect(try !matches(Rule(inInterface: cni, matches: [.tcp(81)], target: .drop)))
    }

    @Test("All conditions must hold")
    func conjunction() throws {
        let rule = Rule(
            source: PrefixMatch(address("198.51.100.9")),
            transport: .tcp,
            matches: [.comment("x"), .tcp(80), .connectionState(.new)],
            target: .drop
        )
        #expect(try matches(rule))
        #expect(try !matches(rule, from: "198.51.100.8"))
    }

    @Test("Verbose traces also show which rules failed and why")
    func verbose() throws {
        var made = HandMadeState()
        made.builtin(
            .filter,
            .forward,
            [
                Rule(source: PrefixMatch(address("10.1.1.1")), target: .drop),
                Rule(transport: .udp, target: .drop), Rule(matches: [.tcp(81)], target: .drop),
                Rule(matches: [.mark(masqueradeMark)], target: .drop),
                Rule(matches: [.destinationIsLocal()], target: .drop), Rule(target: .reject),
            ]
        )
        let trace = try made.trace("198.51.100.9", to: "10.96.0.10:80/tcp", .everything)
        let steps = try #require(trace.path.first { $0.name == "filter FORWARD" }).steps
        #expect(steps.map(\.matched) == [false, false, false, false, false, true])
        #expect(
            steps.flatMap(\.reasons) == [
                "source is 198.51.100.9", "protocol is tcp", "port is 80", "the mark is 0x0",
                "the destination is not an address of this node",
            ]
        )
        #expect(steps.last?.effect == "rejected")
    }
}
