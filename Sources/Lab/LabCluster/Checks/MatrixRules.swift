import NamespaceLab

/// The outcome that Kubernetes requires of a connection to a Service: from its rules, not from what
/// Fairlead plans.
struct MatrixRules {
    let shape: LabShape
    let service: MatrixService
    let frontend: MatrixService.Frontend
    let client: CheckClient

    /// The node where the packet first meets rules for its destination.
    var translator: Int {
        // The node that has the address.
        if case .nodePort(let node) = frontend { return node }
        // The route for Service addresses from outside leads to the first one.
        return client.node(in: shape) ?? 1
    }

    private enum Origin {
        case localPod
        case thisNode
        case elsewhere
    }

    private var origin: Origin {
        switch client {
        case .pod(let number): shape.pods[number - 1].node == translator ? .localPod : .elsewhere
        case .node(let node): node == translator ? .thisNode : .elsewhere
        case .outside: .elsewhere
        }
    }

    var expectation: CheckedConnection.Expectation {
        guard !service.endpoints.isEmpty else { return .refused }
        let all = service.endpoints.map(\.pod.number)
        let here = service.endpoints.filter { $0.node == translator }.map(\.pod.number)
        let node = CheckClient.node(translator)
        if frontend == .clusterIP {
            let pods = service.isLocal ? here : all
            guard !pods.isEmpty else { return .silence }
            return .answers(pods: pods, sees: origin == .localPod ? client : node)
        }
        guard service.isLocal else { return .answers(pods: all, sees: node) }
        switch origin {
        // From inside, policy Local means nothing but that the source is kept.
        case .localPod: return .answers(pods: all, sees: client)
        case .thisNode: return .answers(pods: all, sees: node)
        case .elsewhere: return here.isEmpty ? .silence : .answers(pods: here, sees: client)
        }
    }
}
