import Addressing
import DataplaneModel
import ServiceModel

extension PlannerSettings {
    /// Rules that send packets from local pods to `target`; none without a detector.
    func localPodRules(_ family: IPFamily, target: Target) -> [Rule] {
        localPodSources(family).map { source in
            switch source {
            case .range(let range): Rule(source: PrefixMatch(range), target: target)
            case .interface(let match): Rule(inInterface: match, target: target)
            }
        }
    }

    /// Whether some ClusterIP traffic has its source rewritten. Without a detector none has: pods
    /// cannot be distinguished from other clients.
    func masqueradesClusterIPs(_ family: IPFamily) -> Bool {
        masqueradeAll || !localPodSources(family).isEmpty
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
