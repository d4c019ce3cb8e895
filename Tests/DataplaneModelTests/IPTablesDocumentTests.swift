import Addressing
import DataplaneModel
import Foundation
import Testing

@Suite("JSON documents")
struct IPTablesDocumentTests {
    private func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    private var state: IPTablesState {
        let chain = ChainName("FAIRLEAD-X")
        let rules = [Rule(target: .reject), Rule(target: .drop)]
        let nat = OwnedTable(
            chains: [chain: Chain(chain, rules: rules, title: "default/web:http")],
            jumps: [Jump(from: .output, rule: Rule(target: .jump(chain)))]
        )
        return IPTablesState(nat: nat)
    }

    @Test("A state's rules appear as their text")
    func document() throws {
        #expect(
            try json(IPTablesDocument(state, family: .ipv6)) == """
                {"family":"IPv6","tables":[{"chains":[],"jumps":[],"name":"filter"},{"chains":[\
                {"name":"FAIRLEAD-X","rules":["-j REJECT --reject-with icmp6-port-unreachable",\
                "-j DROP"],"title":"default/web:http"}],"jumps":[{"chain":"OUTPUT",\
                "rule":"-j FAIRLEAD-X"}],"name":"nat"}]}
                """
        )
    }

    @Test("A diff has the old and the new rules of each chain")
    func diffDocument() throws {
        let old = state
        var new = state
        new.nat.jumps = []
        new.nat.chains[ChainName("FAIRLEAD-X")]?.rules.removeFirst()
        let document = IPTablesDiffDocument(IPTablesDiff(from: old, to: new), family: .ipv4)
        #expect(
            try json(document) == """
                {"family":"IPv4","tables":[{"chains":[{"change":"replace","name":"FAIRLEAD-X",\
                "new":["-j DROP"],"old":["-j REJECT --reject-with icmp-port-unreachable",\
                "-j DROP"],"title":"default/web:http"}],"jumps":[{"chain":"OUTPUT",\
                "change":"delete","rule":"-j FAIRLEAD-X"}],"name":"nat"}]}
                """
        )
    }
}
