import Planning

/// The symbol of an endpoint: its state by shape, and whether it gets connections by filling.
enum Symbol: CaseIterable {
    /// A disc.
    case chosen
    /// A disc in a ring.
    case chosenHere
    /// Half a disc.
    case lastResort
    /// A ring.
    case notChosen
    /// A ring with half a disc.
    case terminating
    /// A cross.
    case notReady
    /// A square.
    case withoutWeight

    init(_ endpoint: PicturedEndpoint) {
        if endpoint.cluster == .lastResort || endpoint.local == .lastResort {
            self = .lastResort
        } else if endpoint.isChosen {
            self = endpoint.isLocal ? .chosenHere : .chosen
        } else {
            self =
                switch endpoint.condition {
                case .ready: .notChosen
                case .terminating: .terminating
                case .notReady: .notReady
                case .withoutWeight: .withoutWeight
                }
        }
    }

    /// For the legend.
    var meaning: String {
        switch self {
        case .chosen: "gets connections"
        case .chosenHere: "the same, on this node"
        case .lastResort: "terminating, the last resort"
        case .notChosen: "ready, but not for here"
        case .terminating: "terminating"
        case .notReady: "not ready"
        case .withoutWeight: "weight 0"
        }
    }

    /// Around a point, 12 pixels across.
    func draw(_ x: Int, _ y: Int, to svg: inout SVGWriter) {
        func circle(_ radius: String, _ style: String) {
            svg.element(
                "circle",
                [("class", style), ("cx", "\(x)"), ("cy", "\(y)"), ("r", radius)]
            )
        }
        func path(_ shape: String, _ style: String) {
            svg.element("path", [("class", style), ("d", shape)])
        }
        let half = "M\(x),\(y - 5) A5,5 0 0 0 \(x),\(y + 5) Z"
        switch self {
        case .chosen: circle("5", "any")
        case .chosenHere:
            circle("3", "here")
            circle("5.5", "ring-here")
        case .lastResort:
            path(half, "warning")
            circle("5", "ring-warning")
        case .notChosen: circle("5", "ring")
        case .terminating:
            path(half, "muted")
            circle("5", "ring")
        case .notReady:
            path(
                "M\(x - 4),\(y - 4) L\(x + 4),\(y + 4) M\(x + 4),\(y - 4) L\(x - 4),\(y + 4)",
                "ring"
            )
        case .withoutWeight:
            svg.element(
                "rect",
                [
                    ("class", "ring"), ("x", "\(x - 4)"), ("y", "\(y - 4)"), ("width", "8"),
                    ("height", "8"),
                ]
            )
        }
    }
}
