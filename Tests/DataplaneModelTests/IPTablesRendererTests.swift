import Addressing
import DataplaneModel
import Testing

@Suite("IPTablesRenderer")
struct IPTablesRendererTests {
    private let ipv4 = IPTablesRenderer(family: .ipv4)
    private let ipv6 = IPTablesRenderer(family: .ipv6)

    @Test(
        "Addresses are printed as inet_ntop prints them",
        arguments: [
            ("fd00::1", "fd00::1/128"), ("::1", "::1/128"), ("fd00:0:0:1::", "fd00:0:0:1::/128"),
            ("1:0:0:2:0:0:0:3", "1:0:0:2::3/128"), ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7/128"),
            ("0:0:1:2:3:4:5:6", "::1:2:3:4:5:6/128"), ("::1.2.3.4", "::1.2.3.4/128"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8/128"), ("1:2:3:4:5:6::", "1:2:3:4:5:6::/128"),
            ("10.255.0.9", "10.255.0.9/32"),
        ]
    )
    func addresses(_ text: String, _ printed: String) throws {
        let address = try #require(IPAddress(text))
        let rule = Rule(source: PrefixMatch(address), target: .accept)
        #expect(IPTablesRenderer(family: address.family).render(rule) == "-s \(printed) -j ACCEPT")
    }

    @Test(
        "Chances have eleven places, as C prints them",
        arguments: [
            (Probability(1, outOf: 3), "0.33333333349"),
            (Probability(1, outOf: 1), "1.00000000000"),
            (Probability(units: 1), "0.00000000047"), (Probability(1, outOf: 10), "0.10000000009"),
            (Probability(units: 0), "0.00000000000"), (Probability(1, outOf: 2), "0.50000000000"),
        ]
    )
    func chances(_ chance: Probability, _ printed: String) {
        let rule = Rule(matches: [.random(chance)], target: .drop)
        #expect(
            ipv4.render(rule) == "-m statistic --mode random --probability \(printed) -j DROP"
        )
    }

    @Test("An all-address range is not a condition, unless inverted")
    func allAddresses() throws {
        let all = try #require(IPPrefix("0.0.0.0/0"))
        #expect(Rule(source: PrefixMatch(all), target: .drop) == Rule(target: .drop))
        let none = Rule(destination: PrefixMatch(all, inverted: true), target: .drop)
        #expect(ipv4.render(none) == "! -d 0.0.0.0/0 -j DROP")
    }

    private func state() throws -> IPTablesState {
        let vip = PrefixMatch(try #require(IPAddress("10.96.0.1")))
        let address = try #require(IPAddress("10.0.0.1"))
        let endpoint = SocketAddress(address, try #require(PortNumber(8080)))
        let services = ChainName("FAIRLEAD-SERVICES")
        let service = ChainName("FAIRLEAD-SVC-X")
        let empty = ChainName("FAIRLEAD-EMPTY")
        let head = Rule(
            destination: vip,
            transport: .tcp,
            matches: [.destinationPort(.tcp, 80...80)],
            target: .goto(service)
        )
        let translation = Rule(transport: .tcp, target: .destinationNAT(endpoint))
        let nat = OwnedTable(
            chains: [
                services: Chain(services, rules: [head], title: "all\nServices \u{e9}"),
                service: Chain(service, rules: [translation], title: "default/web:http"),
                empty: Chain(empty, rules: [], title: "nothing"),
            ],
            jumps: [
                Jump(from: .prerouting, rule: Rule(target: .jump(services))),
                Jump(from: .output, rule: Rule(target: .jump(services))),
                Jump(from: .prerouting, rule: Rule(target: .jump(empty))),
            ]
        )
        return IPTablesState(nat: nat)
    }

    @Test("A plan is input for iptables-restore, with titles as comments")
    func plan() throws {
        #expect(
            ipv4.render(try state()) == """
                *nat
                :FAIRLEAD-EMPTY - [0:0]
                :FAIRLEAD-SERVICES - [0:0]
                :FAIRLEAD-SVC-X - [0:0]
                -I PREROUTING 1 -j FAIRLEAD-EMPTY
                -I OUTPUT 1 -j FAIRLEAD-SERVICES
                -I PREROUTING 1 -j FAIRLEAD-SERVICES
                # all?Services ??
                -A FAIRLEAD-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -g FAIRLEAD-SVC-X
                # default/web:http
                -A FAIRLEAD-SVC-X -p tcp -j DNAT --to-destination 10.0.0.1:8080
                COMMIT

                """
        )
    }

    @Test("An observed rule without words is a comment")
    func opaque() throws {
        var state = try state()
        let services = ChainName("FAIRLEAD-SERVICES")
        state.nat.chains[services]?.rules = [Rule(target: .opaque([0x0a, 0xff]))]
        #expect(ipv4.render(state).contains("\n# -A FAIRLEAD-SERVICES # opaque 0aff\n"))
    }

    @Test("A diff shows what goes and comes below headings, with some context")
    func diff() throws {
        let old = try state()
        var new = old
        let service = ChainName("FAIRLEAD-SVC-X")
        let returns = Array(repeating: Rule(target: .returnToCaller), count: 6)
        new.nat.chains[service]?.rules = returns
        new.nat.chains[ChainName("FAIRLEAD-EMPTY")] = nil
        let added = Chain(ChainName("FAIRLEAD-NEW"), rules: [Rule(target: .drop)], title: "new")
        new.nat.chains[added.name] = added
        new.nat.jumps[2] = Jump(from: .prerouting, rule: Rule(target: .jump(added.name)))
        #expect(
            ipv4.render(IPTablesDiff(from: old, to: new)) == """
                *nat
                @@ PREROUTING @@
                --A PREROUTING -j FAIRLEAD-EMPTY
                +-I PREROUTING 1 -j FAIRLEAD-NEW
                @@ delete FAIRLEAD-EMPTY @@ nothing
                @@ create FAIRLEAD-NEW @@ new
                +-A FAIRLEAD-NEW -j DROP
                @@ change FAIRLEAD-SVC-X @@ default/web:http
                --A FAIRLEAD-SVC-X -p tcp -j DNAT --to-destination 10.0.0.1:8080
                +-A FAIRLEAD-SVC-X -j RETURN
                +-A FAIRLEAD-SVC-X -j RETURN
                +-A FAIRLEAD-SVC-X -j RETURN
                +-A FAIRLEAD-SVC-X -j RETURN
                +-A FAIRLEAD-SVC-X -j RETURN
                +-A FAIRLEAD-SVC-X -j RETURN

                """
        )
        var later = new
        later.nat.chains[service]?.rules[3] = Rule(target: .accept)
        let change = IPTablesDiff(from: new, to: later)
        #expect(
            ipv4.render(change) == """
                *nat
                @@ change FAIRLEAD-SVC-X @@ default/web:http
                 -A FAIRLEAD-SVC-X -j RETURN
                 -A FAIRLEAD-SVC-X -j RETURN
                 -A FAIRLEAD-SVC-X -j RETURN
                --A FAIRLEAD-SVC-X -j RETURN
                +-A FAIRLEAD-SVC-X -j ACCEPT
                 -A FAIRLEAD-SVC-X -j RETURN
                 -A FAIRLEAD-SVC-X -j RETURN

                """
        )
        #expect(ipv4.render(IPTablesDiff(from: old, to: old)) == "")
    }
}
