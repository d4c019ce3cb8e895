import Addressing
import DataplaneModel
import Glibc
import TestSupport
import Testing

@testable import NFTables

@Suite("nftables: refusals and strangers")
@KernelThread
struct NFTablesFailureTests {
    private let load = NFTLoad(family: .ipv4, services: 20, endpoints: 3)

    private func expectRefusal(
        _ fixture: NFTFixture,
        _ diff: NFTablesDiff,
        _ check: (DataplaneError) -> Void
    ) throws {
        let before = try fixture.nft("-a", "list", "ruleset")
        let error = #expect(throws: DataplaneError.self) { try fixture.apply(diff) }
        check(try #require(error))
        #expect(try fixture.nft("-a", "list", "ruleset") == before)
    }

    @Test("A refused element is named, and nothing of its transaction happens")
    func refusedElement() throws {
        let fixture = try NFTFixture(.ipv4)
        var state = load.state
        try fixture.apply(state)
        try fixture.nft("delete", "element", "ip", "fairlead", "endpoints", "{ 0:4000 . 2 }")
        let diff = state.edit(
            chains: [NFTChainName("new"): NFTChain(NFTChainName("new"), rules: [])],
            elements: [
                NFTLoad.slots: [
                    load.slot(1, 1): nil, load.slot(1, 2): nil,
                    load.slot(2, 3): load.endpoint(2, 3),
                ]
            ]
        )
        try expectRefusal(fixture, diff) { error in
            #expect(error.kind == .conflict)
            #expect(error.errno == ENOENT)
            #expect(error.operation == "NFT_MSG_DELSETELEM")
            #expect(
                error.subject
                    == "IPv4 nftables table fairlead, set endpoints, element 0:4000 . 2"
            )
        }
    }

    @Test("An element that is there with another value is refused")
    func elementInTheWay() throws {
        let fixture = try NFTFixture(.ipv4)
        var state = load.state
        try fixture.apply(state)
        try fixture.nft(
            "add",
            "element",
            "ip",
            "fairlead",
            "endpoints",
            "{ 0:4000 . 3 : 10.9.9.9 . 9 }"
        )
        let diff = state.edit(elements: [NFTLoad.slots: [load.slot(1, 3): load.endpoint(1, 3)]])
        try expectRefusal(fixture, diff) { error in
            #expect(error.kind == .conflict)
            #expect(error.subject.contains("set endpoints"))
        }
        // The next pass looks, and puts it right.
        try fixture.apply(state)
        fixture.expectEqual(try fixture.store.observe().state, state)
    }

    @Test("A rule that leads nowhere is named with its place")
    func refusedRule() throws {
        let fixture = try NFTFixture(.ipv4)
        var state = load.state
        try fixture.apply(state)
        let name = NFTChainName("balance")
        var chain = try #require(state.chains[name])
        chain.rules.append(NFTRule(.setMarkBits(1), .verdict(.goto(NFTChainName("nowhere")))))
        let diff = state.edit(chains: [name: chain])
        try expectRefusal(fixture, diff) { error in
            #expect(error.kind == .conflict)
            #expect(error.operation == "NFT_MSG_NEWRULE")
            #expect(error.subject.hasPrefix("IPv4 nftables table fairlead, chain balance, rule 2"))
        }
    }

    @Test("Without the table nothing can be changed")
    func noTable() throws {
        let fixture = try NFTFixture(.ipv4)
        var state = load.state
        try fixture.apply(state)
        try fixture.nft("flush", "ruleset")
        let diff = state.edit(elements: [NFTLoad.slots: [load.slot(1, 1): nil]])
        let error = #expect(throws: DataplaneError.self) { try fixture.apply(diff) }
        #expect(error?.kind == .conflict)
        #expect(try fixture.store.observe().state == NFTablesState())
    }

    @Test("What no statement says is opaque, and goes; so do strange sets and chains")
    func strangers() throws {
        let fixture = try NFTFixture(.ipv4)
        let state = NFTCatalogue(family: .ipv4).state
        try fixture.apply(state)
        try fixture.load(
            """
            add rule ip fairlead services counter
            add rule ip fairlead services tcp dport { 1, 2 } drop
            insert rule ip fairlead services ip daddr vmap { 10.1.1.1 : jump guard }
            add rule ip fairlead balance limit rate 5/minute accept
            add rule ip fairlead known jump { drop; }
            table ip fairlead {
                chain stranger { type route hook output priority 7; policy drop; tcp dport 22 accept; }
                set strange { type ether_addr; elements = { 00:11:22:33:44:55 } }
                set ranges { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 } }
                set odd { type ipv4_addr . inet_service; flags interval;
                    elements = { 10.0.0.1-10.0.0.9 . 80-90 } }
            }
            """
        )
        let observed = try fixture.store.observe().state
        #expect(observed.sets.values.count { $0.isOpaque } == 3)
        #expect(fixture.renderer.render(observed).contains("# opaque "))
        let services = observed.chains[NFTCatalogue.chain("services")]?.rules ?? []
        let opaque = services.count { rule in
            if case .opaque = rule.statements.first { true } else { false }
        }
        #expect(opaque == 3)
        try fixture.apply(state)
        fixture.expectEqual(try fixture.store.observe().state, state)
        let ruleset = try fixture.nft("list", "ruleset")
        #expect(!ruleset.contains("strange"))
        #expect(!ruleset.contains("10.1.1.1"))
    }

    @Test("A map that another program gave another type is replaced with its table")
    func changedType() throws {
        let fixture = try NFTFixture(.ipv4)
        let state = load.state
        try fixture.apply(state)
        try fixture.load(
            """
            flush chain ip fairlead nat-prerouting
            delete map ip fairlead cluster-ips
            add map ip fairlead cluster-ips { type ipv4_addr . inet_proto . inet_service : mark; }
            """
        )
        #expect(try fixture.store.observe().state.sets[NFTLoad.frontends]?.isOpaque == true)
        #expect(NFTablesDiff(from: try fixture.store.observe().state, to: state).rebuilt != nil)
        try fixture.apply(state)
        fixture.expectEqual(try fixture.store.observe().state, state)
    }

    @Test("A chain that is still in use is deleted later")
    func chainInUse() throws {
        let fixture = try NFTFixture(.ipv4)
        var state = load.state
        let name = NFTChainName("spare")
        state.chains[name] = NFTChain(name, rules: [NFTRule(.verdict(.drop))])
        try fixture.apply(state)
        // As older kernels hold it for a while after the last element that led to it has gone.
        try fixture.load(
            """
            table ip fairlead {
                map holder { type ipv4_addr : verdict; elements = { 10.0.0.1 : goto spare } }
            }
            """
        )
        let diff = state.edit(
            chains: [name: nil],
            elements: [NFTLoad.slots: [load.slot(1, 3): load.endpoint(1, 3)]]
        )
        try fixture.apply(diff)
        // All the rest was done, and it is empty.
        var seen = try fixture.store.observe().state
        #expect(seen.chains[name] == NFTChain(name, rules: []))
        #expect(seen.sets[NFTLoad.slots] == state.sets[NFTLoad.slots])
        try fixture.store.performDueWork(expecting: nil)
        #expect(try fixture.store.observe().state.chains[name] != nil)
        try fixture.nft("delete", "map", "ip", "fairlead", "holder")
        try fixture.store.performDueWork(expecting: nil)
        seen = try fixture.store.observe().state
        fixture.expectEqual(seen, state)
    }
}
