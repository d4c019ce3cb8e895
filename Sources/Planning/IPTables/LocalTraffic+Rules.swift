package import Addressing
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
    func nodePortDestinations(_ family: IPFamily) -> [Rule] {
        switch nodePortAddresses {
        case .all: return [anyLocalDestination(family)]
        case .primary:
            return node.addresses.filter { $0.family == family }.sorted().map(destination)
        case .ranges(let ranges):
            let own = ranges.filter { $0.family == family }
            guard !own.isEmpty, !own.contains(where: { $0.length == 0 }) else {
                return [anyLocalDestination(family)]
            }
            return Set(localAddresses).filter { address in
                address.family == family && own.contains { $0.contains(address) }
                    && (!address.isLoopback || acceptsLoopback(family))
            }.sorted().map(destination)
        }
    }

    /// Where a server on a node port listens: the unspecified address for every address of the
    /// node, or single ones.
    package func listeningAddresses(_ family: IPFamily) -> [IPAddress] {
        switch nodePortAddresses {
        case .all: return [IPAddress(family: family, bits: 0)]
        case .primary: return nodePortAddresses(family)
        case .ranges(let ranges):
            let own = ranges.filter { $0.family == family }
            guard !own.isEmpty, !own.contains(where: { $0.length == 0 }) else {
                return [IPAddress(family: family, bits: 0)]
            }
            return nodePortAddresses(family)
        }
    }

    /// The node's own addresses on which NodePorts answer, sorted; neither loopback addresses nor
    /// those good on one link only.
    func nodePortAddresses(_ family: IPFamily) -> [IPAddress] {
        let usable = Set(localAddresses).filter {
            $0.family == family && !$0.isLoopback && !$0.isLinkLocal
        }
        switch nodePortAddresses {
        case .all: return usable.sorted()
        case .primary: return node.addresses.filter { $0.family == family }.sorted()
        case .ranges(let ranges):
            let own = ranges.filter { $0.family == family }
            if own.isEmpty { return usable.sorted() }
            return usable.filter { address in own.contains { $0.contains(address) } }.sorted()
        }
    }

    /// True where a client on the node reaches NodePorts on 127.0.0.1, which takes the sysctl
    /// `route_localnet` and a guard against neighbours who would use it too (CVE-2020-8558).
    func servesLocalhost(_ family: IPFamily) -> Bool {
        guard acceptsLoopback(family) else { return false }
        return nodePortDestinations(family).contains { rule in
            rule.destination.map { $0.prefix.address.isLoopback } ?? true
        }
    }

    private func acceptsLoopback(_ family: IPFamily) -> Bool {
        family == .ipv4 && localhostNodePorts
    }

    private func anyLocalDestination(_ family: IPFamily) -> Rule {
        var rule = Rule(matches: [.destinationIsLocal()], target: .returnToCaller)
        if !acceptsLoopback(family) {
            rule.destination = PrefixMatch(StaticChains.loopback(family), inverted: true)
        }
        return rule
    }

    private func destination(_ address: IPAddress) -> Rule {
        Rule(destination: PrefixMatch(address), target: .returnToCaller)
    }
}
