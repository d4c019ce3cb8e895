import ServiceModel

/// A compact view of one of many Services: its name, and a symbol for each endpoint.
struct ServiceTile {
    static let width = 236
    static let height = 78
    private static let signs = 12

    let service: PicturedService
    let frame: Frame

    init(_ service: PicturedService, at x: Int, _ y: Int) {
        self.service = service
        frame = Frame(x: x, y: y, width: Self.width, height: Self.height)
    }

    func draw(to svg: inout SVGWriter) {
        let endpoints = endpoints
        let chosen = endpoints.count(where: \.isChosen)
        svg.begin("g", title: "\(service.name), \(chosen) of \(endpoints.count) endpoints chosen")
        svg.box(frame, chosen == 0 ? "card box-warning dashed" : "card")
        let left = frame.x + 14
        let name = PictureText.cut(service.name.description, to: 30)
        svg.label(name, left, frame.y + 22, "t12 text strong")
        svg.label(PictureText.cut(summary, to: 38), left, frame.y + 40, "t11 muted")
        for (index, endpoint) in endpoints.prefix(Self.signs).enumerated() {
            Symbol(endpoint).draw(left + 6 + index * 15, frame.y + 58, to: &svg)
        }
        if endpoints.count > Self.signs {
            svg.label(
                "+\(endpoints.count - Self.signs)",
                frame.right - 4,
                frame.y + 62,
                "t11 muted",
                anchor: .end
            )
        }
        if endpoints.isEmpty { svg.label("no endpoint", left, frame.y + 62, "t11 warning") }
        svg.end()
    }

    /// `LoadBalancer · 2 ports · 10.96.0.10:80`.
    private var summary: String {
        let ports = Set(service.lanes.map(\.port)).count
        let first = service.lanes.first?.frontends.first?.address
        return [service.kind.rawValue, ports == 1 ? nil : "\(ports) ports", first]
            .compactMap { $0 }.joined(separator: " · ")
    }

    /// Each endpoint of each port once.
    private var endpoints: [PicturedEndpoint] {
        var seen: Set<String> = []
        let all = service.lanes.flatMap { lane in
            lane.endpoints.filter { seen.insert(lane.port + " " + $0.address).inserted }
        }
        return all.filter(\.isChosen) + all.filter { !$0.isChosen }
    }
}
