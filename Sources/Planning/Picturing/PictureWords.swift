import Planning
import ServiceModel

extension EndpointList {
    /// `any node · 3 endpoints`.
    var summary: String {
        switch outcome {
        case .served:
            "\(policy == .local ? "this node" : "any node") · \(count) endpoint\(count == 1 ? "" : "s")"
        case .refused: "refused: no endpoint"
        case .dropped: "dropped: none here"
        }
    }
}

extension FrontendKind {
    /// `NodePort`, as it stands above the address.
    var title: String {
        switch self {
        case .clusterIP: "ClusterIP"
        case .nodePort: "NodePort"
        case .externalIP: "External IP"
        case .loadBalancer: "Load balancer"
        case .healthCheck: "Health check"
        case .remainder: "Other ports"
        }
    }
}

extension PicturedFrontend {
    /// The full description, as a tooltip.
    var fullText: String {
        var text = "\(kind.title) \(address)"
        if let policy { text += ", policy \(policy.rawValue)" }
        if !sources.isEmpty { text += ", only from \(sources.joined(separator: ", "))" }
        return text
    }
}

extension PicturedEndpoint {
    /// The location of the endpoint.
    var place: [String] {
        [zone, isLocal ? "this node" : node].compactMap { $0 }
            + (weight > 1 ? ["weight \(weight)"] : [])
    }

    /// Why it gets no connections, or why it gets some while terminating; nil in the normal case.
    var reason: String? {
        if cluster == .lastResort || local == .lastResort {
            return EndpointExplanation.Verdict.lastResort.text
        }
        if isChosen { return nil }
        return (cluster == .unused ? local : cluster).text
    }

    var fullText: String {
        var parts = [address, node.map { "node \($0)" }, zone.map { "zone \($0)" }]
            .compactMap { $0 }
        parts.append("weight \(weight)")
        if let reason { parts.append(reason) }
        return parts.joined(separator: ", ")
    }

    /// `33 %`; with one decimal if small.
    static func percent(_ share: Double) -> String {
        let percent = share * 100
        return percent >= 10 || percent == 0
            ? "\(Int(percent.rounded())) %" : "\(SVGWriter.decimal(percent)) %"
    }
}
