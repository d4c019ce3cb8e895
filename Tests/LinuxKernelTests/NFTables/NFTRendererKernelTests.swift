import Addressing
import DataplaneModel
import HostFacts
import Testing

/// nft itself takes our text and prints our rules.
@Suite("nftables text and nft")
@KernelThread
struct NFTRendererKernelTests {
    @Test("nft takes the text, beside the table as without it", arguments: IPFamily.allCases)
    func accepted(_ family: IPFamily) throws {
        try NetworkNamespace.enterNew()
        let text = NFTablesRenderer(family: family).render(NFTCatalogue(family: family).state)
        try Program.check(["nft", "--check", "-f", "-"], input: text)
        try Program.check(["nft", "-f", "-"], input: text)
        try Program.check(["nft", "--check", "-f", "-"], input: text)
    }

    @Test("nft prints every rule and attribute as we do", arguments: IPFamily.allCases)
    func sameLines(_ family: IPFamily) throws {
        try NetworkNamespace.enterNew()
        let renderer = NFTablesRenderer(family: family)
        let state = NFTCatalogue(family: family).state
        try Program.check(["nft", "-f", "-"], input: renderer.render(state))
        let printed = try Program.check(["nft", "list", "ruleset"])
        let lines = Set(printed.split(separator: "\n").map { $0.drop { $0 == "\t" } })
        for rule in state.chains.values.flatMap(\.rules) {
            #expect(lines.contains(renderer.render(rule)[...]))
        }
        for set in state.sets.values {
            for element in set.sortedElements {
                #expect(printed.contains(renderer.render(element, of: set.shape)))
            }
        }
    }
}
