import Addressing
import DataplaneModel
import ServiceModel

extension PlannerSettings {
    /// Rules that send packets from local pods to `target`; none without a detector.
    func localPodRules(_ family: IPFamily, target: Target) -> [Rule] {
        switch detector {
        case .absent: []
        case .sources(let prefixes):
            Set(prefixes).filter { $0.family == family }.sorted().map {
                Rule(source: PrefixMatch($0), target: target)
            }
        case .interface(let name):
            [Rule(inInterface: InterfaceMatch(name), target: target)]
        case .interfacePrefix(let prefix):
            [Rule(inInterface: InterfaceMatch(prefix, isPrefix: true), target: target)]
        }
    }

    /// Whether some ClusterIP traffic has its source rewritten. Without a detector none has: there
    /// is no telling pods from the rest.
    func masqueradesClusterIPs(_ family: IPFamily) -> Bool {
        masqueradeAll || !localPodRules(family, target: .returnToCaller).isEmpty
    }

    /// The destinations on which NodePorts answer, as rule templates: every condition is set and
    /// the caller fills in the target.
    func nodePortRules(_ family: IPFamily) -> [Rule] {
        nodePortDestinations(family, .iptables).map { destination in
            switch destination {
            case .anyLocal(let includesLoopback):
                var rule = Rule(matches: [.destinationIsLocal()], target: .returnToCaller)
                if !includesLoopback {
                    rule.destination = PrefixMatch(StaticChains.loopback(family), inverted: true)
                }
                return rule
            case .address(let address):
                // Where 127.0.0.1 alone is named, a neighbour must not come in by it.
                let matches: [Match] = address.isLoopback ? [.sourceIsLocal()] : []
                return Rule(
                    destination: PrefixMatch(address),
                    matches: matches,
                    target: .returnToCaller
                )
            }
        }
    }
}
