import Addressing
import Planning
import ServiceModel

/// One Service in full: a card with a lane for each port and family. Frontends are on the left,
/// lists of endpoints in the middle, endpoints on the right.
struct ServiceCard {
    static let width = 980
    private static let padding = 20
    private static let row = 44
    private static let gap = 8
    private static let laneGap = 22
    private static let head = 58
    private static let issueLimit = 4

    private let service: PicturedService
    private let lanes: [LaneLayout]
    let frame: Frame

    /// Endpoints beyond `endpointLimit` are only counted.
    init(_ service: PicturedService, at x: Int, _ y: Int, endpointLimit: Int) {
        self.service = service
        var lanes: [LaneLayout] = []
        var top = y + Self.head
        for lane in service.lanes {
            let layout = LaneLayout(lane, x + Self.padding, top, endpointLimit)
            lanes.append(layout)
            top += layout.height + Self.laneGap
        }
        self.lanes = lanes
        if lanes.isEmpty { top += Self.laneGap }
        top += min(service.issues.count, Self.issueLimit + 1) * 18
        frame = Frame(x: x, y: y, width: Self.width, height: top - y - 2)
    }

    /// The positions of everything in a lane.
    private struct LaneLayout {
        let lane: Lane
        let frontends: [Frame]
        let lists: [Frame]
        let endpoints: [Frame]
        /// The number of endpoints not shown, and the position of that note.
        let hidden: Int
        let note: (x: Int, y: Int)
        let height: Int

        init(_ lane: Lane, _ x: Int, _ y: Int, _ limit: Int) {
            self.lane = lane
            let shown = min(lane.endpoints.count, limit)
            hidden = lane.endpoints.count - shown
            let rows = [lane.frontends.count, max(1, lane.lists.count), shown]
            let heights = rows.map { max(0, $0 * (row + gap) - gap) }
            let tallest = heights.max() ?? 0
            func column(_ index: Int, _ left: Int, _ width: Int) -> [Frame] {
                let top = y + (tallest - heights[index]) / 2
                return (0..<rows[index]).map {
                    Frame(x: left, y: top + $0 * (row + gap), width: width, height: row)
                }
            }
            frontends = column(0, x, 270)
            lists = column(1, x + 350, 212)
            endpoints = column(2, x + 640, 300)
            note = (x + 640, y + tallest + 18)
            height = tallest + (hidden > 0 ? 22 : 0)
        }
    }

    // MARK: - Drawing

    func draw(to svg: inout SVGWriter) {
        svg.begin("g", title: service.name.description)
        svg.box(frame, "card", radius: 12)
        let left = frame.x + Self.padding
        let name = PictureText.cut(service.name.description, to: 64)
        svg.label(name, left, frame.y + 32, "t15 text")
        let remarks = ([service.kind.rawValue] + service.remarks).joined(separator: " · ")
        svg.label(remarks, frame.right - Self.padding, frame.y + 32, "t12 muted", anchor: .end)
        for lane in lanes { draw(lane, to: &svg) }
        drawIssues(to: &svg)
        svg.end()
    }

    private func drawIssues(to svg: inout SVGWriter) {
        var lines = service.issues.prefix(Self.issueLimit).map { $0 }
        if service.issues.count > lines.count {
            lines.append("and \(service.issues.count - lines.count) more")
        }
        for (index, line) in lines.enumerated() {
            let y = frame.bottom - 14 - 18 * (lines.count - 1 - index)
            svg.begin("g", title: line)
            svg.label(
                "! " + PictureText.cut(line, to: 145),
                frame.x + Self.padding,
                y,
                "t12 warning"
            )
            svg.end()
        }
    }

    private func draw(_ layout: LaneLayout, to svg: inout SVGWriter) {
        let lane = layout.lane
        // Edges first, so that they end behind the boxes.
        for (list, frame) in zip(lane.lists, layout.lists) {
            for (frontend, from) in zip(lane.frontends, layout.frontends)
            where frontend.policy == list.policy {
                svg.edge(
                    from: (from.right, from.middle),
                    to: (frame.x, frame.middle),
                    Self.edge(list),
                    width: 1.6
                )
            }
            for (endpoint, to) in zip(lane.endpoints, layout.endpoints) {
                drawEdge(list, frame, endpoint, to, to: &svg)
            }
        }
        for (frontend, frame) in zip(lane.frontends, layout.frontends) {
            draw(frontend, frame, to: &svg)
        }
        if lane.lists.isEmpty, let frame = layout.lists.first {
            draw(nil, lane, frame, to: &svg)
        }
        for (list, frame) in zip(lane.lists, layout.lists) { draw(list, lane, frame, to: &svg) }
        for (endpoint, frame) in zip(lane.endpoints, layout.endpoints) {
            draw(endpoint, frame, to: &svg)
        }
        if layout.hidden > 0 {
            let chosen = lane.endpoints.dropFirst(layout.endpoints.count).count(where: \.isChosen)
            svg.label(
                "and \(layout.hidden) more, \(chosen) of them chosen",
                layout.note.x,
                layout.note.y,
                "t12 muted"
            )
        }
    }

    private static func edge(_ list: EndpointList) -> String {
        if list.outcome != .served { return "edge edge-warning dashed" }
        return list.policy == .local ? "edge edge-here" : "edge edge-any"
    }

    private func drawEdge(
        _ list: EndpointList,
        _ frame: Frame,
        _ endpoint: PicturedEndpoint,
        _ target: Frame,
        to svg: inout SVGWriter
    ) {
        let isLocal = list.policy == .local
        let verdict = isLocal ? endpoint.local : endpoint.cluster
        guard verdict.isInList else { return }
        let share = isLocal ? endpoint.localShare : endpoint.clusterShare
        // Edges from two lists end at two heights.
        let isShared = [endpoint.cluster, endpoint.local].allSatisfy(\.isInList)
        let y = target.middle + (!isShared ? 0 : isLocal ? 6 : -6)
        svg.edge(
            from: (frame.right, frame.middle),
            to: (target.x, y),
            verdict == .lastResort ? "edge edge-warning dashed" : Self.edge(list),
            width: 1.2 + 4.8 * (share ?? 0)
        )
    }

    private func draw(_ frontend: PicturedFrontend, _ frame: Frame, to svg: inout SVGWriter) {
        svg.begin("g", title: frontend.fullText)
        svg.box(frame, "box")
        svg.label(frontend.kind.title, frame.x + 14, frame.y + 17, "t11 muted")
        let address = PictureText.cutMiddle(frontend.address, to: 33)
        svg.label(address, frame.x + 14, frame.y + 34, "t12 mono text strong")
        if let policy = frontend.policy {
            let only = frontend.sources.isEmpty ? "" : "restricted · "
            svg.label(
                only + policy.rawValue,
                frame.right - 12,
                frame.y + 17,
                policy == .local ? "t11 here strong" : "t11 any strong",
                anchor: .end
            )
        }
        svg.end()
    }

    private func draw(
        _ list: EndpointList?,
        _ lane: Lane,
        _ frame: Frame,
        to svg: inout SVGWriter
    ) {
        let family = lane.family.rawValue
        let words = "\(family) · \(list?.summary ?? "no frontend")"
        svg.begin("g", title: "\(service.name) \(lane.port), \(words)")
        let style =
            switch list?.outcome {
            case .served: list?.policy == .local ? "box-here" : "box-any"
            case .refused, .dropped: "box-warning dashed"
            case nil: "box dashed"
            }
        svg.box(frame, style, radius: 22)
        let middle = frame.x + frame.width / 2
        let port = PictureText.cut(lane.port, to: 26)
        svg.label(port, middle, frame.y + 19, "t12 text strong", anchor: .middle)
        let isServed = list?.outcome == .served || list == nil
        svg.label(
            words,
            middle,
            frame.y + 34,
            isServed ? "t11 muted" : "t11 warning",
            anchor: .middle
        )
        svg.end()
    }

    private func draw(_ endpoint: PicturedEndpoint, _ frame: Frame, to svg: inout SVGWriter) {
        svg.begin("g", title: endpoint.fullText)
        svg.box(frame, Self.outline(endpoint))
        Symbol(endpoint).draw(frame.x + 18, frame.middle, to: &svg)
        let text = endpoint.isChosen ? "text strong" : "muted"
        let address = PictureText.cutMiddle(endpoint.address, to: endpoint.isChosen ? 28 : 36)
        svg.label(address, frame.x + 36, frame.y + 18, "t12 mono \(text)")
        let reason = endpoint.reason.map { PictureText.cut($0, to: 26) }
        let room = 44 - (reason.map { PictureText.width($0) + 3 } ?? 10)
        let place = PictureText.cut(endpoint.place.joined(separator: " · "), to: room)
        svg.label(place, frame.x + 36, frame.y + 34, "t11 muted")
        let right = frame.right - 12
        if let share = endpoint.clusterShare {
            let text = PicturedEndpoint.percent(share)
            svg.label(text, right, frame.y + 18, "t12 any strong", anchor: .end)
        }
        if let reason {
            let style = endpoint.isChosen ? "t11 warning strong" : "t11 warning"
            svg.label(reason, right, frame.y + 34, style, anchor: .end)
        } else if let share = endpoint.localShare {
            let text = PicturedEndpoint.percent(share)
            svg.label("Local \(text)", right, frame.y + 34, "t11 here strong", anchor: .end)
        }
        svg.end()
    }

    private static func outline(_ endpoint: PicturedEndpoint) -> String {
        if !endpoint.isChosen { return "box dashed" }
        return endpoint.isLocal ? "box-here" : "box"
    }
}
