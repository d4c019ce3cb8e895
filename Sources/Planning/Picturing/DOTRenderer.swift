import Addressing
import Planning
import ServiceModel

/// Renders the graph in Graphviz's DOT language. The output is deterministic.
package struct DOTRenderer: Sendable {
    package init() {}

    package func render(_ graph: ServiceGraph) -> String {
        var writer = DOTWriter()
        writer.line("digraph fairlead {")
        writer.line("  label=\(PictureText.dot(graph.heading));")
        writer.line("  rankdir=LR; labelloc=t; ranksep=1.2;")
        writer.line("  node [shape=box, style=rounded, fontname=\"sans-serif\", fontsize=10];")
        writer.line("  edge [arrowsize=0.6, fontname=\"sans-serif\", fontsize=9];")
        for (index, service) in graph.services.enumerated() { writer.add(service, index) }
        writer.line("}")
        return writer.text
    }
}

private struct DOTWriter {
    private(set) var text = ""
    private var nodes = 0

    mutating func line(_ line: String) { text += line + "\n" }

    mutating func add(_ service: PicturedService, _ index: Int) {
        line("  subgraph cluster_\(index) {")
        let title = "\(service.name)  (\(service.kind.rawValue))"
        line("    label=\(PictureText.dot(title)); color=gray60; style=rounded;")
        for lane in service.lanes { add(lane) }
        line("  }")
    }

    /// Joins the lines of a label with DOT's line break.
    private mutating func node(_ lines: [String], _ attributes: String = "") -> String {
        let name = "n\(nodes)"
        nodes += 1
        let label = lines.map { String(PictureText.dot($0).dropFirst().dropLast()) }
            .joined(separator: "\\n")
        line("    \(name) [label=\"\(label)\"\(attributes.isEmpty ? "" : ", " + attributes)];")
        return name
    }

    private mutating func add(_ lane: Lane) {
        var lists: [TrafficPolicy: String] = [:]
        for list in lane.lists {
            let isServed = list.outcome == .served
            lists[list.policy] = node(
                [lane.port, "\(lane.family.rawValue) · \(list.summary)"],
                isServed ? "style=\"rounded,bold\"" : "style=\"rounded,dashed\", color=\"#b34700\""
            )
        }
        for frontend in lane.frontends {
            let name = node([frontend.kind.title, frontend.address])
            guard let policy = frontend.policy, let list = lists[policy] else { continue }
            line("    \(name) -> \(list) [label=\(PictureText.dot(policy.rawValue))];")
        }
        for endpoint in lane.endpoints {
            let lines = [endpoint.address, endpoint.place.joined(separator: " · ")]
            let reason = endpoint.reason.map { [$0] } ?? []
            let style =
                !endpoint.isChosen
                ? "style=\"rounded,dashed\", color=gray60, fontcolor=gray40"
                : endpoint.isLocal ? "penwidth=2, color=\"#00795a\"" : ""
            let name = node((lines + reason).filter { !$0.isEmpty }, style)
            add(endpoint.cluster, endpoint.clusterShare, from: lists[.cluster], to: name, "#0067a3")
            add(endpoint.local, endpoint.localShare, from: lists[.local], to: name, "#00795a")
        }
    }

    private mutating func add(
        _ verdict: EndpointExplanation.Verdict,
        _ share: Double?,
        from list: String?,
        to endpoint: String,
        _ colour: String
    ) {
        guard let list, verdict.isInList else { return }
        var attributes = "color=\"\(colour)\", penwidth=\(SVGWriter.decimal(1 + 4 * (share ?? 0)))"
        if let share {
            attributes += ", label=\(PictureText.dot(PicturedEndpoint.percent(share)))"
        }
        if verdict == .lastResort { attributes += ", style=dashed" }
        line("    \(list) -> \(endpoint) [\(attributes)];")
    }
}
