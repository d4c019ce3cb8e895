package import Addressing
package import ServiceModel

/// One Service as this node offers it in one family: frontends and the endpoints behind them.
/// Independent of kernel interfaces.
package struct ServiceState: Sendable, Equatable {
    package var name: ServiceName
    package var ports: [ServicePortState]
    /// Kind LoadBalancer with external policy Local asks for a health check server here.
    package var healthCheckNodePort: PortNumber?
    /// Distinct addresses of ready endpoints on this node, over all ports; counted only where there
    /// is a health check to report it.
    package var readyHere = 0
    /// External IPs that `allowedExternalIPs` forbids.
    package var refusedExternalIPs: [IPAddress]

    /// The Service whose endpoints are the API servers; Kubernetes makes it itself.
    package static let apiServer = ServiceName(namespace: "default", name: "kubernetes")
}

/// One port of a Service in one family.
package struct ServicePortState: Sendable, Equatable {
    package var name: ServicePortName
    package var standing: ClaimStanding
    package var port: PortNumber
    package var clusterIP: IPAddress?
    package var externalIPs: [IPAddress]
    package var loadBalancerAddresses: [IPAddress]
    /// Of these two, addresses at which an API server has this very port; sorted.
    package var refusedAddresses: [IPAddress]
    /// Clients that may use the load-balancer addresses; empty means all.
    package var sourceRanges: [IPPrefix]
    /// The node itself is in `sourceRanges`, so a connection from it, which may carry the
    /// load-balancer address as its source, is allowed.
    package var sourceRangesIncludeNode: Bool
    package var nodePort: PortNumber?
    package var affinityTimeoutSeconds: UInt32?
    /// How connections are spread; nil leaves it to the configuration.
    package var scheduler: Scheduler?
    package var forwarding: Forwarding
    /// ClusterIP traffic uses only local endpoints.
    package var internalPolicyIsLocal: Bool
    /// Traffic from outside uses only local endpoints, and keeps its source address.
    package var externalPolicyIsLocal: Bool
    package var endpoints: EndpointSelection

    package var isExternallyAccessible: Bool {
        nodePort != nil || !externalIPs.isEmpty || !loadBalancerAddresses.isEmpty
    }

    /// What connections from outside the node are spread over.
    package var externalEndpoints: [SocketAddress] {
        externalPolicyIsLocal ? endpoints.local : endpoints.cluster
    }
}

extension ServiceState {
    /// What this node offers of `service` in `family`; nil if nothing.
    package init?(
        _ service: Service,
        slices: [EndpointSlice],
        family: IPFamily,
        settings: PlannerSettings
    ) {
        guard service.families.contains(family), !service.ports.isEmpty else { return nil }
        let frontends = Frontends(service, family: family, settings: settings)
        let familySlices = slices.filter { $0.family == family }
        let slicesByPort = SlicesByPort(familySlices, for: service.ports)
        name = service.name
        ports = service.ports.map {
            ServicePortState(
                $0,
                of: service,
                frontends: frontends,
                slices: slicesByPort[$0],
                settings: settings
            )
        }
        ports.sort { $0.name < $1.name }
        healthCheckNodePort =
            service.kind == .loadBalancer && frontends.externalPolicyIsLocal
            ? service.healthCheckNodePort : nil
        if healthCheckNodePort != nil {
            readyHere = Self.readyHere(service, familySlices, settings.node)
        }
        refusedExternalIPs = frontends.refusedExternalIPs
    }
}

extension ServiceState {
    fileprivate static func readyHere(
        _ service: Service,
        _ slices: [EndpointSlice],
        _ node: NodeIdentity
    ) -> Int {
        guard !node.name.isEmpty else { return 0 }
        var addresses: Set<IPAddress> = []
        for slice in slices {
            let isServed = slice.ports.contains { port in
                service.ports.contains { $0.name == port.name && $0.transport == port.transport }
            }
            guard isServed else { continue }
            for endpoint in slice.endpoints
            where endpoint.ready && endpoint.nodeName == node.name && endpoint.weight > 0 {
                addresses.insert(endpoint.address)
            }
        }
        return addresses.count
    }
}

/// The part of a Service that all its ports share, reduced to one family.
private struct Frontends {
    var clusterIP: IPAddress?
    var externalIPs: [IPAddress]
    var refusedExternalIPs: [IPAddress]
    var loadBalancerAddresses: [IPAddress]
    var sourceRanges: [IPPrefix]
    var sourceRangesIncludeNode: Bool
    var externalPolicyIsLocal: Bool

    init(_ service: Service, family: IPFamily, settings: PlannerSettings) {
        clusterIP = service.clusterIP(family)
        let wanted = Set(service.externalIPs).filter { $0.family == family }
        let allowed = wanted.filter { address in
            settings.allowedExternalIPs?.contains { $0.contains(address) } ?? true
        }
        externalIPs = allowed.sorted()
        refusedExternalIPs = wanted.subtracting(allowed).sorted()
        loadBalancerAddresses = Set(service.loadBalancerAddresses)
            .filter { $0.family == family }.sorted()
        let ranges = service.loadBalancerSourceRanges.filter { $0.family == family }
        // A range of all addresses allows all, whatever the other ranges are.
        sourceRanges = ranges.contains { $0.length == 0 } ? [] : Set(ranges).sorted()
        let nodeAddresses = settings.node.addresses.filter { $0.family == family }
        sourceRangesIncludeNode = ranges.contains { nodeAddresses.contains(where: $0.contains) }
        // Kubernetes counts the policy only where there is external traffic by design
        // (`ExternallyAccessible` in its service helpers).
        let hasExternalTraffic = service.kind != .clusterIP || !service.externalIPs.isEmpty
        externalPolicyIsLocal = service.externalTrafficPolicy == .local && hasExternalTraffic
    }
}

extension ServicePortState {
    fileprivate init(
        _ port: ServicePort,
        of service: Service,
        frontends: Frontends,
        slices: [EndpointSlice],
        settings: PlannerSettings
    ) {
        name = ServicePortName(
            service: service.name,
            port: port.name,
            transport: port.transport
        )
        standing = service.standing
        self.port = port.port
        clusterIP = frontends.clusterIP
        let isAPIServer = { address in
            port.transport == .tcp && service.name != ServiceState.apiServer
                && settings.apiServers.contains(SocketAddress(address, port.port))
        }
        let wanted = frontends.externalIPs + frontends.loadBalancerAddresses
        refusedAddresses = Set(wanted.filter(isAPIServer)).sorted()
        externalIPs = frontends.externalIPs.filter { !isAPIServer($0) }
        loadBalancerAddresses = frontends.loadBalancerAddresses.filter { !isAPIServer($0) }
        sourceRanges = loadBalancerAddresses.isEmpty ? [] : frontends.sourceRanges
        sourceRangesIncludeNode = frontends.sourceRangesIncludeNode
        nodePort = port.nodePort
        if case .clientIP(let seconds) = service.sessionAffinity {
            affinityTimeoutSeconds = seconds
        }
        scheduler = service.scheduler
        forwarding = service.forwarding
        internalPolicyIsLocal = service.internalTrafficPolicy == .local
        externalPolicyIsLocal = frontends.externalPolicyIsLocal
        endpoints = EndpointSelection()
        let accessible = isExternallyAccessible
        endpoints = EndpointSelection(
            portName: port.name,
            transport: port.transport,
            slices: slices,
            usesCluster: !internalPolicyIsLocal || accessible,
            usesLocal: internalPolicyIsLocal || (externalPolicyIsLocal && accessible),
            node: settings.node
        )
    }
}
