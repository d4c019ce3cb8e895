import Planning
import ServiceModel

extension EndpointList {
    /// `any node · 3 endpoints`.
    var words: String {
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
    /// What a person has to know that does not fit beside it.
    var fullText: String {
        var text = "\(kind.title) \(address)"
        if let policy { text += ", policy \(policy.rawValue)" }
        if !sources.isEmpty { text += ", only from \(sources.joined(separator: ", "))" }
        return text
    }
}

extension PicturedEndpoint {
    /// Where it is.
    var place: [String] {
        [zone, isLocal ? "this node" : node].compactMap { $0 }
            + (weight > 1 ? ["weight \(weight)"] : [])
    }

    /// Why no connections go there, or why some do though it goes away; nil where all is well.
    var reason: String? {
        if cluster == .lastResort || local == .lastResort {
            return EndpointExplanation.Verdict.lastResort.words
        }
        if isChosen { return nil }
        return (cluster == .unused ? local : cluster).words
    }

    var fullText: String {
        var parts = [address, node.map { "node \($0)" }, zone.map { "zone \($0)" }]
            .compactMap { $0 }
        parts.append("weight \(weight)")
        if let reason { parts.append(reason) }
        return parts.joined(separator: ", ")
    }

    /// `33 %`; a tenth where it is small.
    static func percent(_ share: Double) -> String {
        let percent = share * 100
        return percent >= 10 || percent == 0
            ? "\(Int(percent.rounded())) %" : "\(SVGWriter.decimal(percent)) %"
    }
}
