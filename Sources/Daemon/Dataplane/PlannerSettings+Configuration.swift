import Addressing
package import DaemonConfiguration
import DataplaneModel
package import Planning
import ServiceModel

extension PlannerSettings {
    /// The configuration, completed by what the cluster knows of the node and then by what the node
    /// knows of itself.
    package init(_ configuration: DaemonConfiguration, facts: NodeFacts) {
        let cluster = facts.cluster ?? ClusterFacts()
        let known = configuration.node.addresses + cluster.addresses + facts.primaryAddresses
        let detector: LocalTrafficDetector =
            configuration.takesPodRangesFromNode && !cluster.podCIDRs.isEmpty
            ? .sources(cluster.podCIDRs) : configuration.localDetector
        self.init(
            node: NodeIdentity(
                name: configuration.node.name ?? facts.hostName,
                zone: configuration.node.zone ?? cluster.zone,
                addresses: IPFamily.allCases.compactMap { family in
                    known.first { $0.family == family }
                }
            ),
            localAddresses: facts.localAddresses,
            detector: detector,
            nodePortAddresses: configuration.nodePorts.addresses,
            localhostNodePorts: configuration.nodePorts.localhost,
            masqueradeAll: configuration.masquerade.all,
            masqueradeBit: 1 << UInt32(configuration.masquerade.markBit),
            serviceCIDRs: configuration.serviceCIDRs.isEmpty
                ? cluster.serviceCIDRs : configuration.serviceCIDRs,
            allowedExternalIPs: configuration.allowedExternalIPs,
            apiServers: cluster.apiServers,
            ipvsScheduler: configuration.ipvs.scheduler,
            nftablesScheduler: configuration.nftables.scheduler.scheduler,
            countsTraffic: configuration.nftables.counters,
            bindsServiceRanges: configuration.ipvs.binding == .ranges,
            dropInvalid: !facts.tcpIsLiberal,
            otherNodes: cluster.otherNodes,
            socketLB: configuration.socketLevel
        )
    }
}

extension DaemonConfiguration {
    /// Nil while it is off. Connections are spread as the mode spreads them.
    fileprivate var socketLevel: SocketLBSettings? {
        guard socketLB.scope != .off else { return nil }
        let scheduler: Scheduler? =
            switch chosenMode {
            case .iptables: nil
            case .ipvs: ipvs.scheduler
            case .nftables: nftables.scheduler.scheduler
            }
        return SocketLBSettings(protocols: socketLB.protocols, scheduler: scheduler)
    }
}
