import ServiceModel

/// Renders the picture as self-contained SVG: no script, font or link. The output is deterministic.
///
/// A few Services are shown in full, many as tiles in columns.
package struct SVGRenderer: Sendable {
    /// More Services than this are shown as tiles.
    package static let fullServices = 12
    private static let margin = 28
    private static let head = 76
    private static let columns = 4
    private static let gap = 12
    /// Endpoints shown per Service port, with one or two Services, and with more.
    private static let endpointLimits = (few: 64, many: 12)

    package init() {}

    package func render(_ graph: ServiceGraph) -> String {
        let isFull = graph.services.count <= Self.fullServices
        return isFull ? renderCards(graph) : renderTiles(graph)
    }

    private func renderCards(_ graph: ServiceGraph) -> String {
        let limit =
            graph.services.count <= 2 ? Self.endpointLimits.few : Self.endpointLimits.many
        var cards: [ServiceCard] = []
        var top = Self.head
        for service in graph.services {
            let card = ServiceCard(service, at: Self.margin, top, endpointLimit: limit)
            cards.append(card)
            top = card.frame.bottom + 18
        }
        return page(graph, height: top) { svg in
            for card in cards { card.draw(to: &svg) }
        }
    }

    private func renderTiles(_ graph: ServiceGraph) -> String {
        let tiles = graph.services.enumerated().map { index, service in
            ServiceTile(
                service,
                at: Self.margin + index % Self.columns * (ServiceTile.width + Self.gap),
                Self.head + index / Self.columns * (ServiceTile.height + Self.gap)
            )
        }
        return page(graph, height: (tiles.last?.frame.bottom ?? Self.head) + Self.gap) { svg in
            for tile in tiles { tile.draw(to: &svg) }
        }
    }

    // MARK: - Around it

    /// `height` is where the legend begins.
    private func page(
        _ graph: ServiceGraph,
        height: Int,
        _ content: (inout SVGWriter) -> Void
    ) -> String {
        let legend = Legend(x: Self.margin, y: height + 8)
        let size = (width: ServiceCard.width + 2 * Self.margin, height: legend.bottom + 20)
        var svg = SVGWriter()
        svg.begin(
            "svg",
            [
                ("xmlns", "http://www.w3.org/2000/svg"), ("width", "\(size.width)"),
                ("height", "\(size.height)"), ("viewBox", "0 0 \(size.width) \(size.height)"),
                ("role", "img"),
            ],
            title: graph.heading
        )
        svg.style(PictureStyle.sheet)
        svg.box(Frame(x: 0, y: 0, width: size.width, height: size.height), "page", radius: 0)
        svg.label(PictureText.cut(graph.heading, to: 60), Self.margin, 42, "t20 text")
        svg.label(
            PictureText.cut(graph.subheading, to: 130),
            Self.margin,
            62,
            "t12 muted"
        )
        content(&svg)
        legend.draw(to: &svg)
        svg.end()
        return svg.text
    }
}

extension ServiceGraph {
    /// `Services on node-a`.
    var heading: String {
        let count = services.count
        let what = count == 1 ? services[0].name.description : "\(count) Services"
        return node.name.isEmpty ? what : "\(what) on \(node.name)"
    }

    var subheading: String {
        [node.zone.map { "in \($0)" }, "mode \(mode)", "as planned by Fairlead"]
            .compactMap { $0 }.joined(separator: " · ")
    }
}

/// The legend of symbols and lines, in columns.
private struct Legend {
    let x: Int
    let y: Int
    private static let column = 240
    private static let row = 22

    var bottom: Int { y + 3 * Self.row }

    private static let lines: [(style: String, width: Double, meaning: String)] = [
        ("edge edge-any", 3, "policy Cluster; thickness is share"),
        ("edge edge-here", 3, "policy Local"),
        ("edge edge-warning dashed", 2, "refused, dropped or last resort"),
    ]

    func draw(to svg: inout SVGWriter) {
        svg.begin("g")
        for (index, symbol) in Symbol.allCases.enumerated() {
            let left = x + index / 3 * Self.column
            let middle = y + index % 3 * Self.row + 10
            symbol.draw(left + 8, middle, to: &svg)
            svg.label(symbol.meaning, left + 24, middle + 4, "t12 muted")
        }
        for (index, line) in Self.lines.enumerated() {
            let left = x + 3 * Self.column
            let middle = y + index * Self.row + 10
            svg.edge(from: (left, middle), to: (left + 32, middle), line.style, width: line.width)
            svg.label(line.meaning, left + 42, middle + 4, "t12 muted")
        }
        svg.end()
    }
}
