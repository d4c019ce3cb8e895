import Addressing
package import Planning
package import ServiceModel

extension ServiceGraph {
    /// Builds the graph of the named Services, or of all for nil, in the families of `desired`.
    ///
    /// `issues` are those of the plans; `spreading` is how a Service port's connections are
    /// distributed. Everything else comes from `snapshot`, from which `desired` was selected.
    package init(
        _ desired: [DesiredState],
        snapshot: ServiceSnapshot,
        names: Set<ServiceName>? = nil,
        mode: String,
        issues: [PlanIssue] = [],
        spreading: (ServicePortState) -> Spreading = { _ in .byWeight }
    ) {
        node = desired.first?.settings.node ?? NodeIdentity(name: "")
        self.mode = mode
        let node = node
        let wanted = names.map(Array.init) ?? Array(snapshot.services.keys)
        let reasons = Dictionary(grouping: issues, by: \.servicePort.service)
        services = wanted.sorted().compactMap { name in
            guard let service = snapshot.services[name] else { return nil }
            let slices = snapshot.slices[name] ?? []
            let states = desired.compactMap { state in
                state.services[name].map { (state.family, $0) }
            }
            let ports = states.flatMap { family, state in
                state.ports.map {
                    LaneBuilder(
                        family: family,
                        port: $0,
                        service: state,
                        slices: slices,
                        node: node,
                        spreading: spreading($0)
                    )
                }
            }
            return PicturedService(
                name: name,
                kind: service.kind,
                remarks: Self.remarks(service),
                lanes: ports.sorted { $0.order < $1.order }.map(\.lane),
                issues: (reasons[name] ?? []).map(Self.text).unique
            )
        }
    }

    /// The Service's name is already shown above.
    private static func text(_ issue: PlanIssue) -> String {
        let port = issue.servicePort.port
        return port.isEmpty ? issue.reason : "\(port): \(issue.reason)"
    }

    private static func remarks(_ service: Service) -> [String] {
        var remarks: [String] = []
        if case .clientIP(let seconds) = service.sessionAffinity {
            remarks.append("clients keep their endpoint for \(seconds) s")
        }
        if let scheduler = service.scheduler { remarks.append("scheduler \(scheduler.rawValue)") }
        if service.forwarding != .nat {
            remarks.append("forwarding \(service.forwarding.rawValue)")
        }
        remarks.append("from \(service.origin.noun)")
        return remarks
    }
}

extension [String] {
    /// Without duplicates, in order of first appearance.
    fileprivate var unique: [String] {
        var seen: Set<String> = []
        return filter { seen.insert($0).inserted }
    }
}

/// Builds the lane of one Service port in one family.
private struct LaneBuilder {
    let family: IPFamily
    let port: ServicePortState
    let service: ServiceState
    let slices: [EndpointSlice]
    let node: NodeIdentity
    let spreading: Spreading

    var order: (ServicePortName, Int) { (port.name, family == .ipv4 ? 0 : 1) }

    var lane: Lane {
        let frontends = frontends
        return Lane(
            port: (port.name.port.isEmpty ? "" : "\(port.name.port) ")
                + "\(port.port)/\(port.name.transport.keyword)",
            family: family,
            frontends: frontends,
            lists: TrafficPolicy.allCases.filter { policy in
                frontends.contains { $0.policy == policy }
            }
            .map(list),
            endpoints: endpoints
        )
    }

    private var frontends: [PicturedFrontend] {
        var frontends = port.frontends.map { frontend in
            PicturedFrontend(
                kind: frontend.kind,
                address: Self.address(frontend.key),
                policy: port.policy(of: frontend.kind),
                sources: frontend.kind == .loadBalancer
                    ? port.sourceRanges.map(\.description) : []
            )
        }
        if let check = service.healthCheckNodePort, service.ports.first?.name == port.name {
            let address = Self.address(.healthCheck(check))
            frontends.append(
                PicturedFrontend(kind: .healthCheck, address: address, policy: nil, sources: [])
            )
        }
        return frontends
    }

    /// The protocol stands above already.
    private static func address(_ key: FrontendKey) -> String {
        switch key {
        case .address(let socket, _): "\(socket)"
        case .nodePort(let port, _), .healthCheck(let port): ":\(port)"
        case .remainder, .mark: "\(key)"
        }
    }

    private func list(_ policy: TrafficPolicy) -> EndpointList {
        let members = policy == .local ? port.endpoints.local : port.endpoints.cluster
        return EndpointList(
            policy: policy,
            outcome: !members.isEmpty ? .served : port.endpoints.hasAny ? .dropped : .refused,
            count: members.count
        )
    }

    // MARK: - Endpoints

    private var endpoints: [PicturedEndpoint] {
        let all = port.explainEndpoints(slices, family: family, node: node)
        let cluster = all.filter { $0.cluster.isInList }.reduce(0.0) { $0 + part($1) }
        let local = all.filter { $0.local.isInList }.reduce(0.0) { $0 + part($1) }
        let pictured = all.map { one in
            PicturedEndpoint(
                address: "\(one.address)",
                zone: one.endpoint.zone,
                node: one.endpoint.nodeName,
                isLocal: one.isLocal,
                weight: one.endpoint.weight,
                condition: Self.condition(one.endpoint),
                cluster: one.cluster,
                local: one.local,
                clusterShare: one.cluster.isInList ? share(one, of: cluster) : nil,
                localShare: one.local.isInList ? share(one, of: local) : nil
            )
        }
        return pictured.filter(\.isChosen) + pictured.filter { !$0.isChosen }
    }

    private static func condition(_ endpoint: Endpoint) -> PicturedEndpoint.Condition {
        if endpoint.weight == 0 { return .withoutWeight }
        if endpoint.ready { return .ready }
        return endpoint.serving && endpoint.terminating ? .terminating : .notReady
    }

    private func part(_ one: EndpointExplanation) -> Double {
        switch spreading {
        case .byWeight: Double(one.endpoint.weight)
        case .evenly, .byLoad: 1
        }
    }

    private func share(_ one: EndpointExplanation, of whole: Double) -> Double? {
        if case .byLoad = spreading { return nil }
        return part(one) / whole
    }
}
