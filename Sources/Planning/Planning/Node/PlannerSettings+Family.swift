import Addressing
import DataplaneModel
import ServiceModel

/// How packets of local pods are recognized.
enum LocalPodSource {
    case range(IPPrefix)
    case interface(InterfaceMatch)
}

extension PlannerSettings {
    /// Each is enough; none without a detector. Ranges are sorted.
    func localPodSources(_ family: IPFamily) -> [LocalPodSource] {
        switch detector {
        case .absent: []
        case .sources(let ranges):
            Set(ranges).filter { $0.family == family }.sorted().map { .range($0) }
        case .interface(let name): [.interface(InterfaceMatch(name))]
        case .interfacePrefix(let prefix): [.interface(InterfaceMatch(prefix, isPrefix: true))]
        }
    }

    /// Ranges of ClusterIPs in one family, each once, sorted.
    func serviceCIDRs(_ family: IPFamily) -> [IPPrefix] {
        Set(serviceCIDRs).filter { $0.family == family }.sorted()
    }
}
