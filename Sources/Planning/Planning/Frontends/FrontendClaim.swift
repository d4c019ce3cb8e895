import Addressing
import ServiceModel

/// A Service port's claim to a frontend, with what the plan holds for it if the claim wins.
struct FrontendClaim<Content: Equatable & Sendable>: Equatable, Sendable {
    let key: FrontendKey
    let kind: FrontendKind
    let owner: ServicePortName
    /// Claims of Services that are held come last, and those of files after the cluster's.
    let standing: ClaimStanding
    var content: Content

    init(_ frontend: Frontend, _ port: ServicePortState, _ content: Content) {
        key = frontend.key
        kind = frontend.kind
        owner = port.name
        standing = port.standing
        self.content = content
    }

    /// The frontend for people. A node port is one thing to them, whatever addresses it is on.
    var subject: String {
        guard kind == .nodePort, case .address(let socket, let transport) = key else {
            return "\(key)"
        }
        return "\(FrontendKey.nodePort(socket.port, transport))"
    }
}
