import DataplaneModel

/// What is known about a packet's interface at a hook.
enum InterfaceKnowledge: Hashable {
    /// The hook has none; the kernel then compares with the empty name.
    case absent
    case named(String)
    /// There may be one, but its name is unknown for this reason.
    case unknown(String)

    /// The input interface of a sent or forwarded packet as it leaves the node.
    static let leaving = InterfaceKnowledge.unknown("kernels before 5.7 have none here")

    /// `direction` is `input` or `output`.
    func meets(_ match: InterfaceMatch, _ direction: String) -> ConditionAnswer {
        let name: String
        switch self {
        case .absent: name = ""
        case .named(let known): name = known
        // Whatever it is: a packet that is not from the node itself did not arrive on lo.
        case .unknown where match.name == "lo" && !match.isPrefix: name = ""
        case .unknown(let why):
            return .unknown("the \(direction) interface is not known: \(why)")
        }
        let equal = match.isPrefix ? name.hasPrefix(match.name) : name == match.name
        return ConditionAnswer(equal, inverted: match.inverted)
    }

    func text(_ direction: String) -> String {
        switch self {
        case .absent: "there is no \(direction) interface"
        case .named(let name): "the \(direction) interface is \(name)"
        case .unknown: "the \(direction) interface is not known"
        }
    }
}

extension NodeNetwork {
    /// The input interface of a packet from elsewhere.
    func input(of packet: TracedPacket) -> InterfaceKnowledge {
        let name = packet.inputInterface ?? interface(toward: packet.source)
        return name.map { .named($0) } ?? .unknown("none was given")
    }
}
