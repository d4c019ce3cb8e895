import Addressing
import DataplaneModel
import ServiceModel

/// Builds what one Service contributes to the plan: a virtual server for each frontend, and one by
/// mark for clients inside where the external policy is Local.
struct ServiceServers {
    let family: IPFamily
    let settings: PlannerSettings
    /// Addresses that accept node ports.
    let nodePortAddresses: [IPAddress]
    let marks: [ServicePortName: UInt32]
    private(set) var claims: [ServerClaim] = []
    private(set) var issues: [PlanIssue] = []

    init(
        _ service: ServiceState,
        family: IPFamily,
        settings: PlannerSettings,
        nodePortAddresses: [IPAddress],
        marks: [ServicePortName: UInt32]
    ) {
        self.family = family
        self.settings = settings
        self.nodePortAddresses = nodePortAddresses
        self.marks = marks
        issues = service.refusals
        for port in service.ports { build(port) }
        noteOtherNodes(service)
        if let port = service.healthCheckNodePort, let owner = service.ports.first {
            claims.append(
                ServerClaim(
                    frontend: .healthCheck(port),
                    rank: .healthCheck,
                    owner: owner.name,
                    standing: owner.standing
                )
            )
        }
    }

    /// Whether clients inside reach other endpoints than clients outside.
    static func needsMark(_ port: ServicePortState) -> Bool {
        port.externalPolicyIsLocal && port.isExternallyAccessible
    }

    private mutating func build(_ port: ServicePortState) {
        buildClusterIP(port)
        guard port.isExternallyAccessible else { return }
        let mark = Self.needsMark(port) ? marks[port.name] : nil
        buildExternalFrontends(port, mark)
        if let mark { buildInside(port, mark) }
        if Self.needsMark(port), mark == nil {
            issues.append(
                PlanIssue(
                    port.name,
                    reason: "clients inside reach local endpoints only: all packet marks are taken"
                )
            )
        }
    }

    private mutating func buildClusterIP(_ port: ServicePortState) {
        guard let address = port.clusterIP else { return }
        let endpoints =
            port.internalPolicyIsLocal ? port.endpoints.local : port.endpoints.cluster
        var handling = handling(port, endpoints)
        handling.isBound = isBound(address)
        if settings.masqueradeAll {
            handling.masquerade = .everybody
        } else if settings.masqueradesClusterIPs(family) {
            handling.masquerade = .outsiders
        }
        claim(SocketAddress(address, port.port), port, .clusterIP, endpoints, handling)
    }

    private mutating func buildExternalFrontends(_ port: ServicePortState, _ mark: UInt32?) {
        let endpoints = port.externalEndpoints
        var handling = handling(port, endpoints)
        handling.masquerade = port.externalPolicyIsLocal ? .nobody : .everybody
        handling.insideMark = mark
        for address in port.externalIPs where address != port.clusterIP {
            handling.isBound = isBound(address)
            claim(SocketAddress(address, port.port), port, .externalIP, endpoints, handling)
        }
        handling.isBound = false
        if let nodePort = port.nodePort {
            for address in nodePortAddresses {
                claim(SocketAddress(address, nodePort), port, .nodePort, endpoints, handling)
            }
        }
        handling.allowedSources = allowedSources(port)
        for address in port.loadBalancerAddresses
        where address != port.clusterIP && !port.externalIPs.contains(address) {
            handling.isBound = isBound(address)
            claim(SocketAddress(address, port.port), port, .loadBalancer, endpoints, handling)
        }
    }

    private mutating func buildInside(_ port: ServicePortState, _ mark: UInt32) {
        let key = VirtualServer.Key.mark(mark, family)
        var server = server(key, port, port.endpoints.cluster)
        server.title = "\(port.name): from inside, policy Local"
        claims.append(
            ServerClaim(
                frontend: .server(key),
                rank: .externalIP,
                owner: port.name,
                standing: port.standing,
                server: server
            )
        )
    }

    /// Nil lets everybody. A connection from the node may carry the load-balancer address itself
    /// as its source.
    private func allowedSources(_ port: ServicePortState) -> [IPPrefix]? {
        if port.sourceRanges.isEmpty { return nil }
        let own =
            port.sourceRangesIncludeNode ? port.loadBalancerAddresses.map { IPPrefix($0) } : []
        return Set(port.sourceRanges + own).sorted()
    }

    private func handling(
        _ port: ServicePortState,
        _ endpoints: [SocketAddress]
    ) -> FrontendHandling {
        FrontendHandling(isDropped: endpoints.isEmpty && port.endpoints.hasAny)
    }

    /// An address that another interface has stays there, and is none of ours. One that another node
    /// has is bound there: here it would cut off that node's other ports. Without it the node itself
    /// still reaches the Service, as IPVS looks at all that it sends, and pods reach it through that
    /// other node.
    private func isBound(_ address: IPAddress) -> Bool {
        !settings.localAddresses.contains(address) && settings.otherNodes[address] == nil
    }

    /// Says which addresses are not bound as other nodes have them.
    private mutating func noteOtherNodes(_ service: ServiceState) {
        guard !settings.otherNodes.isEmpty, let port = service.ports.first else { return }
        let addresses = Set(port.externalIPs + port.loadBalancerAddresses).sorted()
        let found = addresses.compactMap { address in
            settings.otherNodes[address].map { "\(address) of \($0)" }
        }
        guard !found.isEmpty else { return }
        // A load balancer on the nodes themselves may have the address of each.
        let rest = found.count - Self.namedNodes
        let more = rest > 0 ? " and \(rest) more" : ""
        issues.append(
            PlanIssue(
                port.name,
                reason:
                    "not bound here, as other nodes have them: \(found.prefix(Self.namedNodes).joined(separator: ", "))\(more); their other ports stay reachable, and pods here reach the Service through those nodes"
            )
        )
    }

    private static let namedNodes = 3

    private mutating func claim(
        _ socket: SocketAddress,
        _ port: ServicePortState,
        _ rank: FrontendRank,
        _ endpoints: [SocketAddress],
        _ handling: FrontendHandling
    ) {
        let key = VirtualServer.Key.frontend(socket, port.name.transport)
        var server = server(key, port, endpoints, isNodePort: rank == .nodePort)
        server.title = "\(port.name): \(rank.noun)"
        var handling = handling
        // An endpoint that answers the client itself has to see it.
        if server.realServers.values.contains(where: { $0.forwarding != .masquerade }) {
            handling.masquerade = .nobody
        }
        claims.append(
            ServerClaim(
                frontend: .server(key),
                rank: rank,
                owner: port.name,
                standing: port.standing,
                server: server,
                handling: handling
            )
        )
    }

    // MARK: - Servers

    private mutating func server(
        _ key: VirtualServer.Key,
        _ port: ServicePortState,
        _ endpoints: [SocketAddress],
        isNodePort: Bool = false
    ) -> VirtualServer {
        let scheduler = port.scheduler ?? settings.ipvsScheduler
        let forwarding = isNodePort ? .masquerade : forwarding(port, endpoints)
        var realServers: [RealServer.Key: RealServer] = [:]
        realServers.reserveCapacity(endpoints.count)
        for endpoint in endpoints {
            realServers[endpoint] = RealServer(
                endpoint,
                forwarding: forwarding,
                weight: port.endpoints.weight(of: endpoint)
            )
        }
        return VirtualServer(
            key,
            scheduler: SchedulerName(scheduler.rawValue),
            hashesSourcePort: scheduler == .mh,
            persistenceSeconds: port.affinityTimeoutSeconds,
            realServers: realServers
        )
    }

    /// Without translation a packet keeps its port, so the endpoints must listen on the Service's.
    private mutating func forwarding(
        _ port: ServicePortState,
        _ endpoints: [SocketAddress]
    ) -> ForwardingMethod {
        guard port.forwarding != .nat else { return .masquerade }
        guard endpoints.allSatisfy({ $0.port == port.port }) else {
            let issue = PlanIssue(
                port.name,
                reason:
                    "forwarding \(port.forwarding.rawValue) is not possible: endpoints listen on another port than \(port.port); translated instead"
            )
            if !issues.contains(issue) { issues.append(issue) }
            return .masquerade
        }
        return port.forwarding == .tunnel ? .tunnel : .directRoute
    }
}
