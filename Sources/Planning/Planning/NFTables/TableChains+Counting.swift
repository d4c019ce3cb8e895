import Addressing
import DataplaneModel

// What a table that counts has besides.
extension TableChains {
    /// Counts, and goes on.
    var countNotAllowed: NFTRule {
        NFTRule(.contained(Self.addressKey, in: TableSet.notAllowed.name))
    }

    /// Each packet of a translated connection comes through one of these hooks, whichever way it
    /// goes; but for what the node sends to itself, which comes through two.
    var countingChains: [NFTChain] {
        let count = NFTChainName("count")
        func base(_ place: NFTHook.Place, _ conditions: NFTStatement...) -> NFTChain {
            NFTChain(
                NFTChainName("count-\(place.rawValue)"),
                // Behind what refuses.
                hook: NFTHook(.filter, place, priority: 1),
                rules: [NFTRule([.translated] + conditions + [.verdict(.goto(count))])]
            )
        }
        return [
            base(.forward),
            // Counted when it was sent.
            base(.input, .isLocal(.source, inverted: true)),
            base(.output),
            NFTChain(
                count,
                rules: [
                    NFTRule(
                        .transports(TransportProtocol.allCases),
                        .contained(
                            [.originalDestination, .transport, .originalPort],
                            in: TableSet.traffic.name
                        ),
                        .verdict(.returnToCaller)
                    ),
                    NFTRule(
                        .transports(TransportProtocol.allCases),
                        .contained([.transport, .originalPort], in: TableSet.portTraffic.name)
                    ),
                ],
                title: "packets and bytes by where the client meant them to go"
            ),
        ]
    }
}
