import NamespaceLab

/// Where the socket level of a client's node differs from the rules, or leaves a connection to them, and why.
enum SocketRemark: String, CaseIterable {
    case keepsSource = "the endpoint sees the client: nothing is masqueraded"
    case reachesItself =
        "a pod that is sent to itself sees its own address: no packet leaves the pod"
    case otherNode = "left to the other node's rules: the address is none of this node's"
    case noneHere = "left to this node's rules, which drop: they alone can"
}

/// The outcome that clients on the nodes get with the socket level switched on: from Kubernetes' rules for such
/// clients, and from the fact that nothing is translated.
struct SocketRules {
    /// For the same connection.
    let rules: MatrixRules

    private var node: Int? { rules.client.node(in: rules.shape) }

    /// Those of the node or of another one decide.
    private var leavingReason: SocketRemark? {
        if case .nodePort(let other) = rules.frontend, other != node { return .otherNode }
        return rules.expectation == .silence ? .noneHere : nil
    }

    /// What a client on a node sees does not depend on the external policy, which is for clients elsewhere, so that
    /// the endpoints are the rules'.
    var expectation: CheckedConnection.Expectation {
        guard leavingReason == nil, case .answers(let pods, _) = rules.expectation else {
            return rules.expectation
        }
        return .answers(pods: pods, sees: rules.client)
    }

    /// Nil where all is as by the rules.
    var remark: SocketRemark? {
        if let leavingReason { return leavingReason }
        guard case .answers(let pods, let seen) = rules.expectation else { return nil }
        if seen != rules.client { return .keepsSource }
        return pods.contains { rules.client == .pod($0) } ? .reachesItself : nil
    }

    /// Whether packets are translated on their way.
    var isTranslated: Bool { leavingReason != nil }
}
