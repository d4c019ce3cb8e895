package import Planning
import ServiceModel

extension PlannerSettings {
    /// The configuration's wishes, completed by what the node is.
    package init(_ configuration: DaemonConfiguration, facts: NodeFacts) {
        let configured = configuration.node.addresses
        self.init(
            node: NodeIdentity(
                name: configuration.node.name ?? facts.hostName,
                zone: configuration.node.zone,
                addresses: configured.isEmpty ? facts.primaryAddresses : configured
            ),
            localAddresses: facts.localAddresses,
            detector: configuration.localDetector,
            nodePortAddresses: configuration.nodePorts.addresses,
            localhostNodePorts: configuration.nodePorts.localhost,
            masqueradeAll: configuration.masquerade.all,
            masqueradeBit: 1 << UInt32(configuration.masquerade.markBit),
            serviceCIDRs: configuration.serviceCIDRs,
            allowedExternalIPs: configuration.allowedExternalIPs,
            ipvsScheduler: configuration.ipvs.scheduler,
            nftablesScheduler: configuration.nftables.scheduler.scheduler,
            countsTraffic: configuration.nftables.counters,
            bindsServiceRanges: configuration.ipvs.binding == .ranges,
            dropInvalid: !facts.tcpIsLiberal
        )
    }
}
