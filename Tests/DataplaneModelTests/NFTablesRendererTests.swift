import Addressing
import DataplaneModel
import Foundation
import TestSupport
import Testing

@Suite("nftables text")
struct NFTablesRendererTests {
    private static let frontends = NFTSetName("cluster-ips")
    private static let guarded = NFTSetName("guarded")
    private static let services = NFTChainName("services")
    private static let hooked = NFTChainName("nat-prerouting")

    private func frontend(_ text: String) throws -> NFTValue {
        NFTValue(try #require(SocketAddress(parsing: text)), .tcp)
    }

    private func state() throws -> NFTablesState {
        NFTablesState(
            chains: [
                NFTChain(
                    Self.services,
                    rules: [
                        NFTRule(
                            .setPriorityFromMap(
                                [.address(.destination), .transport, .port(.destination)],
                                Self.frontends
                            ),
                            .verdict(.accept),
                            title: "ClusterIPs"
                        ),
                        NFTRule(.verdict(.drop)),
                    ],
                    title: "default/web:http\n}"
                ),
                NFTChain(
                    Self.hooked,
                    hook: NFTHook(.nat, .prerouting, priority: -100),
                    rules: [NFTRule(.verdict(.jump(Self.services)))]
                ),
            ],
            sets: [
                NFTSet(
                    Self.frontends,
                    NFTSetShape([.address, .transport, .port], mapping: .fields([.classID])),
                    size: 1024,
                    elements: [
                        try frontend("10.96.0.10:80"): .value(NFTValue(0x4_0002)),
                        try frontend("10.96.0.2:80"): .value(NFTValue(0x8_0001)),
                    ],
                    title: "frontends"
                ),
                NFTSet(
                    Self.guarded,
                    NFTSetShape([.port, .address], isInterval: true)
                ),
            ]
        )
    }

    private let renderer = NFTablesRenderer(family: .ipv4)

    @Test("A state is a table that replaces the existing one")
    func table() throws {
        #expect(
            renderer.render(try state()) == """
                add table ip fairlead
                delete table ip fairlead
                table ip fairlead {
                \t# frontends
                \tmap cluster-ips {
                \t\ttype ipv4_addr . inet_proto . inet_service : classid
                \t\tsize 1024
                \t\telements = {
                \t\t\t10.96.0.2 . tcp . 80 : 8:1,
                \t\t\t10.96.0.10 . tcp . 80 : 4:2
                \t\t}
                \t}

                \tset guarded {
                \t\ttype inet_service . ipv4_addr
                \t\tflags interval
                \t}

                \tchain nat-prerouting {
                \t\ttype nat hook prerouting priority -100; policy accept;
                \t\tjump services
                \t}

                \t# default/web:http?}
                \tchain services {
                \t\t# ClusterIPs
                \t\tmeta priority set ip daddr . meta l4proto . th dport map @cluster-ips accept
                \t\tdrop
                \t}
                }

                """
        )
        #expect(renderer.render(NFTablesState()) == "")
    }

    @Test("A diff shows elements and rules that come and go")
    func diff() throws {
        var new = try state()
        let diff = new.edit(
            chains: [
                Self.services: NFTChain(Self.services, rules: [NFTRule(.verdict(.drop))]),
                NFTChainName("spare"): NFTChain(NFTChainName("spare"), rules: [NFTRule(.reject)]),
            ],
            sets: [Self.guarded: nil],
            elements: [
                Self.frontends: [
                    try frontend("10.96.0.2:80"): nil,
                    try frontend("10.96.0.10:80"): .value(NFTValue(0x4_0003)),
                    try frontend("10.96.0.11:80"): .value(NFTValue(0xc_0001)),
                ]
            ]
        )
        #expect(diff == NFTablesDiff(from: try state(), to: new))
        #expect(diff.count == 6)
        #expect(
            renderer.render(diff) == """
                @@ change map cluster-ips @@
                -10.96.0.2 . tcp . 80 : 8:1
                -10.96.0.10 . tcp . 80 : 4:2
                +10.96.0.10 . tcp . 80 : 4:3
                +10.96.0.11 . tcp . 80 : c:1
                @@ delete set guarded @@
                -type inet_service . ipv4_addr
                -flags interval
                @@ change chain services @@ default/web:http?}
                -meta priority set ip daddr . meta l4proto . th dport map @cluster-ips accept
                 drop
                @@ create chain spare @@
                +reject

                """
        )
    }

    @Test("The table itself comes, goes, and is replaced")
    func tables() throws {
        let all = NFTablesDiff(from: NFTablesState(), to: try state())
        #expect(renderer.render(all).hasPrefix("@@ create table ip fairlead @@\n@@ create map"))
        let none = NFTablesDiff(from: try state(), to: NFTablesState())
        #expect(renderer.render(none).hasPrefix("@@ delete table ip fairlead @@\n"))
        let empty = NFTablesDiff(from: NFTablesState(table: .active), to: NFTablesState())
        #expect(renderer.render(empty) == "@@ delete table ip fairlead @@\n")
        var sleeping = try state()
        sleeping.table = .altered
        let woken = NFTablesDiff(from: sleeping, to: try state())
        #expect(renderer.render(woken) == "@@ restore flags of table ip fairlead @@\n")
        #expect(woken.count == 1)
        var other = try state()
        other.sets[Self.frontends]?.shape.key = [.address]
        let rebuilt = renderer.render(NFTablesDiff(from: other, to: try state()))
        #expect(rebuilt.hasPrefix("@@ replace table ip fairlead @@\n+table ip fairlead {\n"))
        #expect(rebuilt.hasSuffix("+\t\tdrop\n+\t}\n+}\n"))
    }

    @Test("A state's JSON holds the same lines")
    func documents() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        func json(_ value: some Encodable) throws -> String {
            String(decoding: try encoder.encode(value), as: UTF8.self)
        }
        var small = try state()
        small.chains[Self.services] = nil
        small.sets[Self.guarded] = nil
        small.chains[Self.hooked]?.rules = []
        #expect(
            try json(NFTablesDocument(small, family: .ipv4)) == """
                {"chains":[{"hook":"type nat hook prerouting priority -100; policy accept;",\
                "name":"nat-prerouting","rules":[]}],"family":"IPv4","sets":[{"attributes":\
                ["type ipv4_addr . inet_proto . inet_service : classid","size 1024"],"elements":\
                ["10.96.0.2 . tcp . 80 : 8:1","10.96.0.10 . tcp . 80 : 4:2"],"kind":"map",\
                "name":"cluster-ips","title":"frontends"}],"table":"ip fairlead"}
                """
        )
        let diff = small.edit(elements: [Self.frontends: [try frontend("10.96.0.2:80"): nil]])
        #expect(
            try json(NFTablesDiffDocument(diff, family: .ipv4)) == """
                {"chains":[],"family":"IPv4","sets":[{"change":"update","lines":\
                ["-10.96.0.2 . tcp . 80 : 8:1"],"name":"cluster-ips"}]}
                """
        )
    }

    @Test("A set that has no room left, and a chain with another hook, take a new table")
    func rebuilding() throws {
        var grown = try state()
        grown.sets[Self.frontends]?.size = 3
        let diff = grown.edit(
            elements: [
                Self.frontends: [
                    try frontend("10.96.0.3:80"): .value(NFTValue(1)),
                    // The kernel counts the old and the new value.
                    try frontend("10.96.0.2:80"): .value(NFTValue(2)),
                ]
            ]
        )
        #expect(diff.rebuilt == grown)
        #expect(grown.sets[Self.frontends]?.size == 1024)
        #expect(diff.count == 1 + 2 + 2 + 3)
        var moved = try state()
        moved.chains[Self.hooked]?.hook = nil
        #expect(NFTablesDiff(from: try state(), to: moved).rebuilt == moved)
        var same = try state()
        same.sets[Self.frontends]?.title = "other words"
        same.sets[Self.frontends]?.size = 4096
        #expect(NFTablesDiff(from: try state(), to: same).isEmpty)
    }
}
