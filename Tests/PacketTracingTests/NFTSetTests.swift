import Addressing
import DataplaneModel
import PacketTracing
import Testing

@Suite struct NFTSetTests {
    /// Rules at forward; dropping shows that a packet takes one.
    private func made(_ rules: NFTRule...) -> HandMadeNFT {
        var made = HandMadeNFT()
        made.add(
            NFTChain(
                NFTChainName("base"),
                hook: NFTHook(.filter, .forward, priority: 0),
                rules: rules
            )
        )
        return made
    }

    private func isDropped(_ made: HandMadeNFT, _ to: String = "10.96.0.10:80/tcp") throws -> Bool {
        let trace = try made.trace("203.0.113.9", to: to)
        #expect(trace.problems.isEmpty)
        return trace.result?.verdict == .dropped
    }

    @Test("A key is address, protocol and port of the packet, all of them")
    func frontends() throws {
        var made = made(NFTRule(.contained(.frontend, in: NFTSetName("set")), .drop))
        made.set("set", .frontend, [.frontend("10.96.0.10:80")])
        #expect(try isDropped(made))
        #expect(try !isDropped(made, "10.96.0.10:81/tcp"))
        #expect(try !isDropped(made, "10.96.0.10:80/udp"))
        #expect(try !isDropped(made, "10.96.0.11:80/tcp"))
        #expect(try !isDropped(made, "10.96.0.10/icmp"))
    }

    @Test("What is in no set meets an inverted condition, a ping too")
    func inverted() throws {
        var made = made(
            NFTRule(.isNotIn("set", .address(.destination), .transport, .port(.destination)), .drop)
        )
        made.set("set", .frontend, [.frontend("10.96.0.10:80")])
        #expect(try !isDropped(made))
        #expect(try isDropped(made, "10.96.0.10:81/tcp"))
        #expect(try isDropped(made, "10.96.0.10/icmp"))
    }

    @Test("A ping has its protocol's number, and no known port")
    func pings() throws {
        var made = made(NFTRule(.isIn("set", .transport), .drop))
        made.set("set", [.transport], [NFTElement(NFTValue().appending(1, width: 8))])
        #expect(try isDropped(made, "10.96.0.10/icmp"))
        #expect(try !isDropped(made, "10.96.0.10:80/tcp"))
        var ports = self.made(NFTRule(.isIn("ports", .port(.destination)), .drop))
        ports.set("ports", [.port])
        #expect(try !isDropped(ports, "10.96.0.10/icmp"))
        ports.put(NFTElement(NFTValue().appending(port(80))), into: "ports")
        let trace = try ports.trace("203.0.113.9", to: "10.96.0.10/icmp")
        #expect(trace.problems.map(\.message) == ["treated as no match: ICMP has no ports"])
        #expect(trace.result == FlowResult(.untouched))
    }

    @Test("The client's port is not known, which matters only where the rest of the key fits")
    func sourcePort() throws {
        var made = made(NFTRule(.isIn("set", .address(.destination), .port(.source)), .drop))
        made.set(
            "set",
            [.address, .port],
            [NFTElement(NFTValue(address("10.96.0.10")).appending(port(1)))]
        )
        #expect(try !isDropped(made, "10.96.0.11:80/tcp"))
        let trace = try made.trace("203.0.113.9", to: "10.96.0.10:80/tcp")
        #expect(trace.problems.map(\.kind) == [.undecidable])
    }

    @Test("An interval set holds what any of its ranges holds, also the whole family")
    func intervals() throws {
        let key: [NFTExpression] = [.address(.destination), .address(.source)]
        var made = made(NFTRule(.contained(key, in: NFTSetName("set")), .drop))
        func allow(_ destination: String, _ range: String) -> NFTElement {
            NFTElement(NFTValue(address(destination)).appending(prefix(range)))
        }
        made.set(
            "set",
            [.address, .address],
            isInterval: true,
            [
                allow("10.96.0.1", "203.0.113.9/32"), allow("10.96.0.2", "203.0.113.0/24"),
                allow("10.96.0.3", "0.0.0.0/0"), allow("10.96.0.4", "203.0.114.0/24"),
            ]
        )
        for (destination, isIn) in [
            ("10.96.0.1", true), ("10.96.0.2", true), ("10.96.0.3", true), ("10.96.0.4", false),
            ("10.96.0.5", false),
        ] {
            #expect(try isDropped(made, "\(destination):80/tcp") == isIn, "\(destination)")
        }
    }

    @Test("After masquerading the source is in a set only perhaps")
    func unknownSource() throws {
        var made = HandMadeNFT()
        made.base("out", .nat, .postrouting, 100, NFTRule(.masquerade))
        made.set("set", [.address, .address], isInterval: true)
        made.base(
            "in",
            .filter,
            .input,
            0,
            NFTRule(.isIn("set", .address(.destination), .address(.source)), .drop),
            NFTRule(.isLocal(.source), .from("0.0.0.0/0"), .accept),
            NFTRule(.drop)
        )
        let flow = "192.0.2.1 -> 192.0.2.1:80/tcp = UNTOUCHED masq"
        #expect(try made.mismatches(flow) == [])
        let range = NFTValue(address("192.0.2.1")).appending(prefix("10.0.0.0/8"))
        made.put(NFTElement(range), into: "set")
        let trace = try made.trace("192.0.2.1", to: "192.0.2.1:80/tcp")
        #expect(trace.problems.map(\.kind) == [.undecidable])
    }

    @Test("Verdict maps lead wherever their elements say")
    func verdicts() throws {
        var made = made(NFTRule(.judge(by: "map", .port(.destination))), NFTRule(.reject))
        made.chain("leave", NFTRule(.leave))
        let verdicts: [(UInt16, NFTVerdict, FlowVerdict)] = [
            (1, .drop, .dropped), (2, .accept, .untouched), (3, .returnToCaller, .untouched),
            (4, .jump(NFTChainName("leave")), .rejected), (5, .go("leave"), .untouched),
        ]
        made.set(
            "map",
            [.port],
            to: .verdict,
            verdicts.map { NFTElement(NFTValue().appending(port($0.0)), .verdict($0.1)) }
        )
        for (number, _, expected) in verdicts + [(6, .drop, .rejected)] {
            let trace = try made.trace("203.0.113.9", to: "10.96.0.10:\(number)/tcp")
            #expect(trace.result?.verdict == expected, "\(number)")
        }
    }

    @Test("A missing set is a problem, and its rule does not match, inverted or not")
    func missing() throws {
        for condition in [
            NFTStatement.isIn("gone", .transport), .isNotIn("gone", .transport),
            .priority(from: "gone", .transport), .judge(by: "gone", .transport),
            .update(NFTSetName("gone"), key: [.transport], data: .priority, timeoutSeconds: 1),
            .delete(NFTSetName("gone"), key: [.transport], data: .priority),
        ] {
            let made = made(NFTRule(condition, .drop), NFTRule(.reject))
            let trace = try made.trace("203.0.113.9", to: "10.96.0.10:80/tcp")
            let message = "there is no set gone; treated as no match"
            #expect(trace.problems == [TraceProblem(.missingSet, at: "base rule 1", message)])
            #expect(trace.result == FlowResult(.rejected))
        }
    }

    @Test("A set with other keys or other values than a rule wants is a problem")
    func unfit() throws {
        let port80 = NFTValue().appending(port(80))
        for statement in [
            NFTStatement.isIn("set", .address(.destination)),
            .judge(by: "set", .port(.destination)),
            .priority(from: "set", .port(.destination)),
            .priority(from: "endpoints", .port(.destination)),
            .judge(by: "endpoints", .port(.destination)),
            .update(
                NFTSetName("set"),
                key: [.port(.destination)],
                data: .priority,
                timeoutSeconds: 1
            ),
        ] {
            var made = made(NFTRule(statement), NFTRule(.drop))
            made.set("set", [.port], [NFTElement(port80)])
            made.set(
                "endpoints",
                [.port],
                to: .fields([.address, .port]),
                [NFTElement(port80, .value(NFTValue(socket("10.1.1.1:1"))))]
            )
            let trace = try made.trace("203.0.113.9", to: "10.96.0.10:80/tcp")
            #expect(trace.problems.map(\.kind) == [.unfitSet], "\(statement)")
            #expect(trace.result == FlowResult(.dropped))
        }
    }

    @Test("A set that holds more than is understood may hold anything else, too")
    func opaque() throws {
        var made = made(NFTRule(.contained(.frontend, in: NFTSetName("set")), .drop))
        made.set("set", .frontend, [.frontend("10.96.0.10:80")])
        made.state.sets[NFTSetName("set")]?.isOpaque = true
        #expect(try isDropped(made))
        let trace = try made.trace("203.0.113.9", to: "10.96.0.10:81/tcp")
        #expect(trace.problems.map(\.kind) == [.undecidable])
    }
}
