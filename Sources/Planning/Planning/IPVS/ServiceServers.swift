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
    let marks: InternalMarks
    private(set) var claims: [FrontendClaim<FrontendServer>] = []
    private(set) var issues: [PlanIssue] = []

    init(
        _ service: ServiceState,
        family: IPFamily,
        settings: PlannerSettings,
        nodePortAddresses: [IPAddress],
        marks: InternalMarks
    ) {
        self.family = family
        self.settings = settings
        self.nodePortAddresses = nodePortAddresses
        self.marks = marks
        issues = service.refusals
        for port in service.ports { build(port) }
        noteOtherNodes(service)
        if let port = service.healthCheckNodePort, let owner = service.ports.first {
            let check = Frontend(kind: .healthCheck, key: .healthCheck(port))
            claims.append(FrontendClaim(check, owner, FrontendServer()))
        }
    }

    private mutating func build(_ port: ServicePortState) {
        let mark = port.separatesInternalClients ? marks[port.name] : nil
        for frontend in port.frontends {
            switch frontend.key {
            case .address(let socket, _): claim(frontend, socket, port, mark)
            case .nodePort(let number, let transport):
                for address in nodePortAddresses {
                    let socket = SocketAddress(address, number)
                    let one = Frontend(kind: frontend.kind, key: .address(socket, transport))
                    claim(one, socket, port, mark)
                }
            case .healthCheck, .remainder, .mark: break
            }
        }
        if let mark { claimMark(mark, port) }
        if port.separatesInternalClients, mark == nil {
            issues.append(
                PlanIssue(
                    port.name,
                    reason: "clients inside reach local endpoints only: all packet marks are taken"
                )
            )
        }
    }

    private mutating func claim(
        _ frontend: Frontend,
        _ socket: SocketAddress,
        _ port: ServicePortState,
        _ mark: UInt32?
    ) {
        let isLocal = port.policy(of: frontend.kind) == .local
        let endpoints = isLocal ? port.endpoints.local : port.endpoints.cluster
        let key = VirtualServer.Key.frontend(socket, port.name.transport)
        var server = server(key, port, endpoints, isNodePort: frontend.kind == .nodePort)
        server.title = "\(port.name): \(frontend.kind.noun)"
        var handling = handling(frontend.kind, socket, port, mark)
        handling.isDropped = endpoints.isEmpty && port.endpoints.hasAny
        // An endpoint that answers the client itself has to see it.
        if server.realServers.values.contains(where: { $0.forwarding != .masquerade }) {
            handling.masquerade = .never
        }
        claims.append(
            FrontendClaim(frontend, port, FrontendServer(server: server, handling: handling))
        )
    }

    private func handling(
        _ kind: FrontendKind,
        _ socket: SocketAddress,
        _ port: ServicePortState,
        _ mark: UInt32?
    ) -> FrontendHandling {
        var handling = FrontendHandling()
        handling.isBound = kind != .nodePort && isBound(socket.address)
        guard kind != .clusterIP else {
            if settings.masqueradeAll {
                handling.masquerade = .always
            } else if settings.masqueradesClusterIPs(family) {
                handling.masquerade = .unlessLocal
            }
            return handling
        }
        handling.masquerade = port.externalPolicyIsLocal ? .never : .always
        handling.internalMark = mark
        if kind == .loadBalancer {
            handling.allowedSources = port.allowedSources.map { Set($0).sorted() }
        }
        return handling
    }

    private mutating func claimMark(_ mark: UInt32, _ port: ServicePortState) {
        var server = server(.mark(mark, family), port, port.endpoints.cluster)
        server.title = "\(port.name): from inside, policy Local"
        claims.append(
            FrontendClaim(
                Frontend(kind: .externalIP, key: .mark(mark)),
                port,
                FrontendServer(server: server)
            )
        )
    }

    /// An address that another interface has stays there. One that another node
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
