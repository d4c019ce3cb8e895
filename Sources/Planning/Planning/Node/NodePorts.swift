package import Addressing
package import DataplaneModel
import ServiceModel

/// A destination on which node ports answer.
enum NodePortDestination: Equatable {
    /// Every local address, with those of the loopback range or without.
    case anyLocal(includesLoopback: Bool)
    case address(IPAddress)
}

extension PlannerSettings {
    /// Destinations on which node ports answer; single ones are sorted.
    func nodePortDestinations(
        _ family: IPFamily,
        _ mode: ProxyMode
    ) -> [NodePortDestination] {
        let loopback = acceptsLoopback(family, mode)
        if nodePortAddresses.acceptsAll(family) { return [.anyLocal(includesLoopback: loopback)] }
        return named(family, among: localAddresses, loopback: loopback).sorted()
            .map { .address($0) }
    }

    /// The node's own addresses on which node ports answer, sorted; neither loopback addresses nor
    /// those good on one link only.
    func nodePortAddresses(_ family: IPFamily) -> [IPAddress] {
        let usable = localAddresses.filter { $0.family == family && !$0.isLinkLocal }
        if nodePortAddresses.acceptsAll(family) {
            return Set(usable.filter { !$0.isLoopback }).sorted()
        }
        return named(family, among: usable, loopback: false).sorted()
    }

    /// Where a server on a node port listens: the unspecified address for every address of the
    /// node, or single ones.
    package func listeningAddresses(_ family: IPFamily) -> [IPAddress] {
        if nodePortAddresses.acceptsAll(family) { return [IPAddress(family: family, bits: 0)] }
        let loopback = nodePortAddresses.includesLocalhost ? [IPAddress.localhost(family)] : []
        return nodePortAddresses(family) + loopback
    }

    /// Which of this node's addresses, `local`, accept node ports in a family.
    package func nodePortAddresses(
        _ family: IPFamily,
        local: [IPAddress],
        _ mode: ProxyMode
    ) -> Set<IPAddress> {
        let loopback = acceptsLoopback(family, mode)
        guard nodePortAddresses.acceptsAll(family) else {
            return named(family, among: local, loopback: loopback)
        }
        return Set(local).filter { $0.family == family && (loopback || !$0.isLoopback) }
    }

    /// True where a client on the node reaches node ports on 127.0.0.1, which needs the sysctl
    /// `route_localnet` and a guard against neighbours who would use it too (CVE-2020-8558).
    package func servesLocalhost(_ family: IPFamily, _ mode: ProxyMode) -> Bool {
        nodePortDestinations(family, mode).contains { destination in
            switch destination {
            case .anyLocal(let includesLoopback): includesLoopback
            case .address(let address): address.isLoopback
            }
        }
    }

    /// Whether loopback addresses accept node ports, as far as they are among those named.
    private func acceptsLoopback(_ family: IPFamily, _ mode: ProxyMode) -> Bool {
        guard family == .ipv4 else { return false }
        return switch mode.localhost {
        case .never: false
        case .onRequest: localhostNodePorts ?? nodePortAddresses.namesLoopback(family)
        case .unlessRefused: localhostNodePorts ?? true
        }
    }

    /// The union of what is named, where that is not everything.
    private func named(
        _ family: IPFamily,
        among local: [IPAddress],
        loopback: Bool
    ) -> Set<IPAddress> {
        var result: Set<IPAddress> = []
        if nodePortAddresses.includesPrimary { result.formUnion(node.addresses) }
        if nodePortAddresses.includesLocalhost {
            result.insert(.localhost(family))
            result.formUnion(local.filter(\.isLoopback))
        }
        result.formUnion(local.filter(nodePortAddresses.rangesContain))
        return result.filter { $0.family == family && (loopback || !$0.isLoopback) }
    }
}
