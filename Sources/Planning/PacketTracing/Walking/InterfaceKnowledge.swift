import DataplaneModel

/// What can be said of a packet's interface at some hook.
enum InterfaceKnowledge: Hashable {
    /// The hook has none; the kernel then compares with the empty name.
    case absent
    case named(String)
    /// There may be one, and its name cannot be told for this reason.
    case unknown(String)

    /// Where a packet that is sent or passed on has come in, as it leaves the node.
    static let leaving = InterfaceKnowledge.unknown("kernels before 5.7 have none here")

    /// `direction` is `input` or `output`.
    func meets(_ match: InterfaceMatch, _ direction: String) -> ConditionAnswer {
        let name: String
        switch self {
        case .absent: name = ""
        case .named(let known): name = known
        // Whatever it is: what did not come from the node itself is not from there.
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
    /// Where a packet from elsewhere comes in.
    func input(of packet: TracedPacket) -> InterfaceKnowledge {
        let name = packet.inputInterface ?? interface(toward: packet.source)
        return name.map { .named($0) } ?? .unknown("none was given")
    }
}
